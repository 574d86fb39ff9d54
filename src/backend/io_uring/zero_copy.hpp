// The opcodes that send without copying.
#pragma once

#include "backend/io_uring/kernel.hpp"

namespace penstock::detail {

/// Turns an entry of a plain send into one that does not copy.
inline void send_without_copying(::io_uring_sqe& sqe) noexcept {
    sqe.opcode = sqe.opcode == IORING_OP_SEND ? opcode_send_zc : opcode_sendmsg_zc;
    sqe.ioprio |= IORING_SEND_ZC_REPORT_USAGE;
}

}  // namespace penstock::detail
