// Knowing, for the price of a load, whether this process was forked since a loop was made.
#pragma once

#include <cstdint>

namespace penstock::detail {

/// Grows in the child at each fork.
std::uint32_t fork_generation() noexcept;

}  // namespace penstock::detail
