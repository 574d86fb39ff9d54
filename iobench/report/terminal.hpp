// Results as text on a terminal.
#pragma once

#include "model/results.hpp"

#include <string>

namespace iobench {

/// A table per workload and point, of at most 100 columns: a row per contender, best first, with its ratio to the best,
/// the interval of that, and the verdict. Metrics that find no room are left to the other reports.
std::string terminal_tables(const results&, bool colours = false);

/// What a newcomer wants to know of it, a paragraph per workload: who is best where, who ties, how far the others are
/// behind; then what was left out and why. Reasons that many share are told once.
std::string terminal_summary(const results&, bool colours = false);

/// The machine in a line, and what makes its figures worth less.
std::string terminal_head(const results&, bool colours = false);

/// What was left out, by reason.
std::string terminal_left_out(const results&, std::size_t most_reasons);

}  // namespace iobench
