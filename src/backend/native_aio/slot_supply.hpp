// Request slots of native AIO are a system-wide supply (sysctl fs.aio-max-nr): how many to ask for, and what to say
// when there are none.
#pragma once

#include <penstock/result.hpp>

#include <cstdint>
#include <optional>

namespace penstock::detail {

struct slot_supply {
    std::uint64_t taken = 0;  ///< fs.aio-nr
    std::uint64_t most = 0;   ///< fs.aio-max-nr
};

/// Fewer than this are not worth having; below it, set-up fails.
inline constexpr std::uint32_t fewest_slots = 256;

/// Nothing where /proc is not to be had.
std::optional<slot_supply> read_slot_supply();

/// What one loop should ask for when it would like `wanted`: at most an equal share of what is left for each
/// processor, and at most an eighth, so that a loop per core, and dozens of programs on a small machine, find some.
std::uint32_t fair_share(std::uint32_t wanted, const std::optional<slot_supply>& supply, unsigned processors);

/// The error when the kernel has too few left.
setup_error no_slots_left(const std::optional<slot_supply>& supply);

}  // namespace penstock::detail
