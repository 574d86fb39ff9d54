// Which of penstock's backends work here.
#pragma once

#include <penstock/explain.hpp>

#include <vector>

namespace iobench {

/// penstock::survey_backends(), once per process: it sets each mechanism up for real, and taking native AIO down again
/// costs tens of milliseconds.
const std::vector<penstock::backend_report>& surveyed_backends();

}  // namespace iobench
