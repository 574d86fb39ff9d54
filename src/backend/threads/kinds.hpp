// How the threads carry out each kind of operation. kinds.cpp is all that a new kind touches here.
#pragma once

#include "backend/threads/blocked_call.hpp"
#include <penstock/operation.hpp>

#include <cstddef>
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

struct thread_way {
    share pays = share::none;
    /// The blocking form, made once by a worker; null for what cannot block.
    std::int32_t (*call)(blocked_call& work) noexcept = nullptr;
    bool in_two_steps = false;  ///< a worker only waits, or asks before it calls
};

thread_way way_of(op_kind kind) noexcept;
inline share share_of(op_kind kind) noexcept { return way_of(kind).pays; }

/// Sleeps until the descriptor is ready, in error, or a signal comes (-EINTR).
std::int32_t poll_for(handle waited_for, short events) noexcept;
/// The same for the side that the operation waits for.
std::int32_t poll_side(const operation& op) noexcept;

}  // namespace penstock::detail
