// The families behind call(): one file each, so that a new operation has an obvious home.
#pragma once

#include "op/call.hpp"

namespace penstock::detail {

/// The outcome of a system call that answers -1 and errno.
std::int32_t outcome(long returned) noexcept;

// socket.cpp
std::int32_t call_socket(const socket_op& op, call_mode mode) noexcept;
std::int32_t call_bind(const bind_op& op) noexcept;
std::int32_t call_listen(const listen_op& op) noexcept;
std::int32_t call_accept(accept_op& op, call_mode mode) noexcept;
std::int32_t call_connect(const connect_op& op) noexcept;
std::int32_t call_shutdown(const shutdown_op& op) noexcept;
std::int32_t call_name(name_op& op) noexcept;
std::int32_t call_option(option_op& op) noexcept;

// transfer.cpp
std::int32_t call_send(send_op& op, call_mode mode) noexcept;
std::int32_t call_write(write_op& op, call_mode mode) noexcept;
std::int32_t call_splice(const splice_op& op, call_mode mode) noexcept;

// file.cpp
std::int32_t call_open(const open_op& op) noexcept;
std::int32_t call_read_at(const read_at_op& op) noexcept;
std::int32_t call_write_at(const write_at_op& op) noexcept;
std::int32_t call_sync(const sync_op& op) noexcept;
std::int32_t call_status(status_op& op) noexcept;

// descriptor.cpp
std::int32_t call_close(const close_op& op) noexcept;
std::int32_t call_adopt(const adopt_op& op) noexcept;
std::int32_t call_pipe(pipe_op& op) noexcept;
std::int32_t call_signals(const signals_op& op) noexcept;

}  // namespace penstock::detail
