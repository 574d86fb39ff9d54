// Two runs beside each other: what has changed.
#pragma once

#include "model/results.hpp"
#include "stats/comparison.hpp"

#include <string>
#include <vector>

namespace iobench {

/// One contender at one point, by the workload's first metric, in two runs.
struct change {
    std::string workload;
    std::string point;
    std::string contender;
    metric by = {};
    double before = 0;  ///< medians
    double after = 0;
    /// after / before, by resampling each run by itself: the rounds of one are no neighbours of the other's.
    estimate ratio = {};
    verdict is = verdict::tied;  ///< of the run after
};

struct difference {
    std::vector<change> changes = {};
    std::vector<std::string> only_before = {};  ///< "echo, 256 connections, libuv"
    std::vector<std::string> only_after = {};
    std::vector<std::string> machines = {};  ///< "kernel: 6.1.0, then 6.2.0"; empty if they are alike
};

/// Of what both have, with at least three samples each.
difference compare_runs(const results& before, const results& after);

}  // namespace iobench
