// How the threads are divided among the kinds of operations, and what this mechanism says of each kind.
#pragma once

#include "backend/threads/kinds.hpp"
#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>

#include <array>
#include <cstdint>

namespace penstock::detail {

/// How many operations of each share may be under way; of files, how many at once on threads (others queue).
using share_limits = std::array<std::uint32_t, share_count>;

/// One thread for each share.
inline constexpr std::uint32_t fewest_threads = 3;

/// Divides `most_threads` (at least `fewest_threads`). Waits get the most but never all: if they did, the
/// send that would end some of them could not be made, and the loop would be stuck.
share_limits divide(std::uint32_t most_threads) noexcept;

capability_table blocking_capabilities(const backend_options& options);

}  // namespace penstock::detail
