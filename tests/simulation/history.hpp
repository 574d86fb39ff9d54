// One history: a gate, its clients and its origins on a simulated machine, from the first listen to the last close.
#pragma once

#include "simulation/judge.hpp"
#include <penstock/simulation_options.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace simulated {

struct history_options {
    std::uint64_t seed = 1;
    penstock::simulation_mutant mutant = penstock::simulation_mutant::none;
    bool keep_trace = false;
};

struct history_report {
    std::vector<std::string> violations;
    tally requests;
    penstock::simulation_statistics machine;
    std::uint64_t trace_hash = 0;
    std::string trace;
    std::string description;  ///< of what was planned, and what became of it
};

/// Plays it and looks at what has become of everything.
history_report play(const history_options& options);

}  // namespace simulated
