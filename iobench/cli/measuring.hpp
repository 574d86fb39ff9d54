// The commands that measure: the survey and `run`.
#pragma once

#include "model/workload.hpp"

#include <string>
#include <vector>

namespace iobench {

/// What the command line says.
struct wish {
    std::vector<std::string> workloads = {};  ///< empty: all
    std::vector<std::string> contenders = {};
    std::vector<std::string> points = {};
    bool quick = false;
    bool full = false;
    unsigned rounds = 5;
    double seconds = 0;  ///< of load per trial; 0: what the scale has
    double budget = 0;   ///< seconds for all of it; 0: what the command has
    unsigned seed = 1;
    std::string json = {};
    std::string html = {};
    std::string markdown = {};
    std::string folder = ".";  ///< for the reports of the survey
    std::string command = {};  ///< as it was typed, for the reports
};

/// All workloads within five minutes, or two if it is to be quick; then what a newcomer should know of it, and three
/// reports. \return the exit status
int survey(const wish&);

/// The workloads that were named; then tables. \return the exit status
int run_workloads(const wish&);

}  // namespace iobench
