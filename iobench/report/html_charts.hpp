// Which charts a workload gets.
#pragma once

#include "report/chart_bars.hpp"
#include "report/chart_lines.hpp"
#include "report/leaders.hpp"

#include <optional>
#include <set>
#include <string>

namespace iobench {

/// The contenders that a chart of many is about: who leads somewhere, and the best of each group. All, if they are few.
std::set<std::string> chosen_of(const ranked_workload&);

/// A metric along the workload's axis; nothing if nobody has it at two points or more. Crossings are marked on the
/// first metric only.
std::optional<line_chart> sweep_chart(const ranked_workload&, const metric&);

/// The same at one point; nothing if nobody has it.
std::optional<bar_chart> bars_at(const ranked_workload&, const ranked_point&, const metric&);

/// How far behind the best each is in a stretch, for the strip of the summary.
std::vector<strip_place> strip_of(const ranked_workload&, const stretch&);

/// Figures with all charts of a workload, large ones first.
std::string charts_part(const ranked_workload&);

}  // namespace iobench
