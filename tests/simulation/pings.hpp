// Functions posted to the loops from outside now and then: each must be run soon, whatever its loop waits for.
#pragma once

#include "simulation/world.hpp"
#include <penstock/loop.hpp>
#include <penstock/simulation.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace simulated {

class pings {
  public:
    /// Schedules them over the next seconds.
    void begin(penstock::simulation& machine, const std::vector<penstock::loop*>& loops, std::uint64_t seed);
    /// Adds to the violations what was run too late. What was posted to a loop that had ended is not run at all.
    void look(world& w) const;

  private:
    struct ping {
        std::size_t loop = 0;
        penstock::time_point posted = penstock::never;
        penstock::time_point run = penstock::never;
    };
    std::vector<ping> all_;
};

}  // namespace simulated
