// What many histories add up to, and how it is told.
#pragma once

#include "simulation/history.hpp"
#include <penstock/simulation_options.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simulated {

struct mutant_name {
    std::string_view name;  ///< ends with a zero
    penstock::simulation_mutant kind;
};

inline constexpr std::array mutants{
    mutant_name{"dropped_completion", penstock::simulation_mutant::dropped_completion},
    mutant_name{"duplicated_byte", penstock::simulation_mutant::duplicated_byte},
    mutant_name{"leaked_lease", penstock::simulation_mutant::leaked_lease},
    mutant_name{"lost_wake_up", penstock::simulation_mutant::lost_wake_up},
    mutant_name{"swallowed_cancel", penstock::simulation_mutant::swallowed_cancel},
};

/// The command that plays a seed again, with a trace.
std::string replay_line(std::uint64_t seed, std::string_view mutant);

/// Reads a file of seeds, one per line; what follows a `#` says why.
bool read_seeds(const std::string& path, std::vector<std::uint64_t>& into);

class summary {
  public:
    void add(const history_report& report);
    void add_replay() noexcept { ++replays_; }
    bool is_time_to_speak() const noexcept;
    void print_progress(std::size_t of);
    void print(std::size_t failed) const;

  private:
    using clock = std::chrono::steady_clock;

    double seconds() const noexcept { return std::chrono::duration<double>(clock::now() - began_).count(); }

    clock::time_point began_ = clock::now();
    clock::time_point spoke_ = began_;
    std::uint64_t histories_ = 0;
    std::uint64_t replays_ = 0;
    tally requests_;
    penstock::simulation_faults injected_;
};

}  // namespace simulated
