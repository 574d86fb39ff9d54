// The parts of the page of html_report(). All of them give HTML that is ready to stand in <body>.
#pragma once

#include "report/ranking.hpp"

#include <string>
#include <vector>

namespace iobench {

/// A heading with a link to itself. `text` is plain.
std::string heading(int level, const std::string& id, const std::string& text);

/// A contender's name with its group as a class: `text` is its name if nothing else is wanted.
std::string name_tag(const contender&);

/// Who leads where, one row per workload and stretch.
std::string summary_part(const std::vector<ranked_workload>&);

/// The machine and the run; and, apart, what makes the figures worth less.
std::string warnings_part(const results&);
std::string environment_part(const results&);

/// One workload: what it says, charts, tables.
std::string workload_part(const ranked_workload&);

/// A row per contender and a column per point: the first metric. A list of names without figures for no sweep.
std::string sweep_table(const ranked_workload&);
/// A row per contender, a column per metric.
std::string point_table(const ranked_workload&, const ranked_point&);

std::string left_out_part(const results&);

}  // namespace iobench
