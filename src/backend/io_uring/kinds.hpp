// What the ring does with each kind of operation. kinds.cpp is all that a new kind touches here.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/operation.hpp>

#include <sys/socket.h>

#include <cstdint>
#include <string_view>

namespace penstock::detail {

/// How this backend carries out a kind of operation.
enum class route : std::uint8_t {
    ring,   ///< an entry in the submission queue
    call,   ///< a plain call that never blocks, at once
    poll,   ///< a plain call, and when it would block, a poll entry first
    pool,   ///< a blocking call on the worker pool
    sleep,  ///< a blocking call on a thread of its own
};

inline constexpr std::uint8_t no_opcode = 255;  // liburing's IORING_OP_LAST is an opcode to a later kernel

/// What is known of a kind before anything is tried.
struct kind_plan {
    route best = route::call;         ///< where every opcode works
    std::uint8_t opcode = no_opcode;  ///< behind `route::ring`
    /// Fills in `sqe`, but for user_data. `header` is memory for a message that stays until the entry is submitted.
    void (*prepare)(::io_uring_sqe& sqe, operation& op, ::msghdr& header) noexcept = nullptr;
    /// Tries the entry with what cannot succeed. \return what the kernel says.
    int (*attempt)(class ring& r) noexcept = nullptr;
    std::string_view why{};  ///< of a route that is not the expected one
    /// What it may do depends on who asks: everything that names a path. A submission thread would ask with the
    /// credentials that the process had when the loop was made, so it is not given to one.
    bool checks_credentials = false;
};

const kind_plan& plan(op_kind kind) noexcept;

/// The way out for a kind whose opcode is refused.
route fallback_route(op_kind kind) noexcept;

/// Fills in an entry for an operation whose way is `route::ring`.
inline void prepare(::io_uring_sqe& sqe, operation& op, ::msghdr& header) noexcept {
    plan(op.kind).prepare(sqe, op, header);
}

/// Ends a multishot receive by itself when it has brought `bytes`. Linux 6.17; kernels before it answer -EINVAL.
inline void limit_receive(::io_uring_sqe& sqe, std::uint32_t bytes) noexcept {
    sqe.file_index = bytes;  // which shares its place with sqe->optlen, unknown to liburing 2.3
}

/// For kernels that can't do that: the receive ends with its first buffer. A multishot one would fill as many as there
/// are, long before a cancel could reach it.
inline void receive_once(::io_uring_sqe& sqe) noexcept {
    sqe.ioprio = static_cast<__u16>(sqe.ioprio & ~IORING_RECV_MULTISHOT);
}

/// Goes on by itself, a buffer at a time; can_read_ahead() says whether there is such an opcode.
inline void read_ahead(::io_uring_sqe& sqe) noexcept { sqe.opcode = opcode_read_multishot; }

/// The user_data by which a ring is woken by another: no operation's, and nothing else is told.
inline constexpr std::uint64_t rung_by_another = ~std::uint64_t{7};

/// After so many ticks a clock needs another entry. One that ticks faster than the loop turns can't be cancelled: it is
/// about to tick whenever the kernel looks for it. So it ends by itself, after no more turns than this.
inline constexpr unsigned most_ticks_per_entry = 256;
/// Slower clocks can be cancelled, and have no such end: once an entry with one was seen, the kernel looks for ends
/// with each completion of that ring.
inline constexpr duration slower_than_any_turn = std::chrono::milliseconds(10);

/// A poll for the side that the operation waits for: one time, or with `edges` at each change. The kernel always looks
/// for the end of the other side, too, so that where this has come a one-time poll waits for nothing.
void prepare_poll(::io_uring_sqe& sqe, const operation& op, bool edges) noexcept;

}  // namespace penstock::detail
