// How the threads are divided among the kinds of operations, and what this mechanism says of each kind.
#pragma once

#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>

#include <array>
#include <cstdint>

namespace penstock::detail {

/// Who pays for the thread that an operation blocks.
enum class share : std::uint8_t {
    none,  ///< cannot block: the loop's thread makes the call
    wait,  ///< waits for somebody else, perhaps for ever
    send,  ///< waits for a peer to take something
    file,  ///< waits for a disk, which answers
};
inline constexpr std::size_t share_count = 4;

share share_of(op_kind kind) noexcept;

/// How many operations of each share may be under way; of files, how many at once on threads (others queue).
using share_limits = std::array<std::uint32_t, share_count>;

/// One thread for each share.
inline constexpr std::uint32_t fewest_threads = 3;

/// Divides `most_threads` (at least `fewest_threads`). Waits get the most but never all: if they did, the
/// send that would end some of them could not be made, and the loop would be stuck.
share_limits divide(std::uint32_t most_threads) noexcept;

capability_table blocking_capabilities(const backend_options& options);

}  // namespace penstock::detail
