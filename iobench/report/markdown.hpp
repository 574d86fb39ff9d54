// Results as Markdown, for issues and pull requests.
#pragma once

#include "model/results.hpp"

#include <string>

namespace iobench {

/// Who leads where, then a table per workload and point, folded. It is what GitHub takes; all texts are escaped.
std::string markdown_report(const results&);

}  // namespace iobench
