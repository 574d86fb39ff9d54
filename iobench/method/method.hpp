// How things are measured: in rounds, contenders in random order in each, so that what disturbs the machine disturbs
// all.
#pragma once

#include "model/results.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace iobench {

/// What is to be measured.
struct plan {
    std::vector<std::shared_ptr<workload>> workloads = {};
    std::vector<std::string> contenders = {};  ///< names, or groups ("penstock", "bare", "peer"); empty: all
    scale much = scale::survey;
    pace each = {};
    unsigned rounds = 5;
    std::uint32_t seed = 1;  ///< of the order of contenders
};

/// Where a run is; told before each trial.
struct progress {
    std::string what;    ///< "echo, 256 connections, bare/epoll"
    unsigned round = 0;  ///< from 1
    unsigned rounds = 0;
    double done = 0;                             ///< 0 to 1
    std::chrono::duration<double> remaining{0};  ///< an estimate, by what trials have taken so far
};

/// Runs all of it, one trial at a time. A contender that fails in a round is left out from then on at that point, with
/// the reason among the things left out. Ends early, with what was measured, when the user wants an end
/// (process/interrupt.hpp).
results run(const plan&, const std::function<void(const progress&)>& tell);

}  // namespace iobench
