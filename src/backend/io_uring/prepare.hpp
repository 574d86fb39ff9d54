// Operations as submission entries.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/operation.hpp>

#include <sys/socket.h>

namespace penstock::detail {

/// How this backend carries out a kind of operation.
enum class route : std::uint8_t {
    ring,  ///< an entry in the submission queue
    call,  ///< a plain call that never blocks, at once
    poll,  ///< a plain call, and when it would block, a poll entry first
    pool,  ///< a blocking call on the worker pool
};

/// The route of a kind where every opcode works. splice has an opcode, but it always goes to a kernel worker thread;
/// calling splice(2) when poll says so is faster.
route best_route(op_kind kind) noexcept;

/// The way out for a kind whose opcode is refused.
route fallback_route(op_kind kind) noexcept;

/// The opcode behind `route::ring`, for probing; IORING_OP_LAST for kinds that have none.
std::uint8_t opcode_of(op_kind kind) noexcept;

/// Fills in `sqe`, but for user_data. `header` is memory for a message that stays until the entry is submitted.
void prepare(::io_uring_sqe& sqe, operation& op, ::msghdr& header) noexcept;

/// Ends a multishot receive by itself when it has brought `bytes`. Linux 6.17; kernels before it answer -EINVAL.
inline void limit_receive(::io_uring_sqe& sqe, std::uint32_t bytes) noexcept {
    sqe.file_index = bytes;  // which shares its place with sqe->optlen, unknown to liburing 2.3
}

/// A poll for the side that the operation waits for: one time, or with `edges` at each change. The kernel always looks
/// for the end of the other side, too, so that where this has come a one-time poll waits for nothing.
void prepare_poll(::io_uring_sqe& sqe, const operation& op, bool edges) noexcept;

}  // namespace penstock::detail
