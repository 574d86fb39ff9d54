// Results as tables on a terminal.
#pragma once

#include "model/results.hpp"

#include <string>

namespace iobench {

/// A table per workload and point: a row per contender, best first, with the ratio to the best and its interval.
std::string terminal_tables(const results&);

}  // namespace iobench
