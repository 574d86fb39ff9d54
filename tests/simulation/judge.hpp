// Whether what became of a request is what had to become of it.
#pragma once

#include "simulation/world.hpp"

#include <cstdint>

namespace simulated {

/// How the requests of a history ended.
struct tally {
    std::uint64_t answered = 0;  ///< by an origin, in full
    std::uint64_t refused = 0;   ///< by the gate, with a reason
    std::uint64_t failed = 0;    ///< visibly: the connection ended before the answer did
    std::uint64_t not_made = 0;  ///< nobody was there any more to be asked
};

/// Looks at every request and adds to the violations of `w` what nothing excuses.
tally judge_requests(world& w);

}  // namespace simulated
