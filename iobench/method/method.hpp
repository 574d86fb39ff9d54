// How things are measured: in rounds, contenders in random order in each, so that what disturbs the machine disturbs
// all. A round goes through everything before the next begins: a virtual machine can be another one for a minute, and
// what was measured within that minute alone would say so with great certainty.
#pragma once

#include "model/results.hpp"
#include "process/interrupt.hpp"

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
    std::vector<std::string> points =
        {};  ///< names, or numbers on the axis ("256"), of full scale; empty: those of `much`
    /// What of that is needed; asked for each contender at each point.
    std::function<bool(const std::string& workload, const point&, const contender&)> needed = {};
    /// Points that a budget leaves to penstock's contenders when it takes them from others.
    std::function<bool(const std::string& workload, const point&)> kept = {};
    scale much = scale::survey;
    pace each = {};  ///< with a budget: the least
    pace most = {};  ///< with a budget: the most; otherwise of no meaning
    std::chrono::duration<double> budget{
        0};  ///< for all of it: what does not fit is left out, with the reason; 0: none
    unsigned rounds = 5;
    std::uint32_t seed = 1;                    ///< of the order of contenders
    std::function<bool()> stop = interrupted;  ///< asked before each trial; true ends the run, with what was measured
};

/// Where a run is; told before each trial.
struct progress {
    std::string workload;  ///< its title
    std::string at;        ///< "256 connections"
    std::string by;        ///< "bare/epoll"
    unsigned round = 0;    ///< from 1
    unsigned rounds = 0;
    double done = 0;                             ///< 0 to 1
    std::chrono::duration<double> remaining{0};  ///< an estimate, by what trials have taken so far
};

/// Whether `name` means that point: its name, or its number on the axis ("256" is the point "256 connections").
bool is_named(const point& at, const std::string& name);

/// Runs all of it, one trial at a time. A contender that fails in a round is left out from then on at that point, with
/// the reason among the things left out. Each round has all points of all workloads in it.
results run(const plan&, const std::function<void(const progress&)>& tell);

}  // namespace iobench
