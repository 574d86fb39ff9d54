// Results as one page of HTML.
#pragma once

#include "model/results.hpp"

#include <string>

namespace iobench {

/// A whole document that needs no network and no script: style and charts are in it, and so are the raw samples as
/// JSON. It follows the reader's choice of light or dark, and fits a phone.
std::string html_report(const results&);

/// The main chart of a workload as an SVG file of its own, for a README: it works on light and dark pages. Empty if the
/// results have no such workload, or nothing that could be drawn.
std::string svg_chart(const results&, const std::string& workload);

}  // namespace iobench
