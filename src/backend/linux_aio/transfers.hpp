// Operations on streams as control blocks of native AIO.
#pragma once

#include <penstock/operation.hpp>

#include <linux/aio_abi.h>

#include <cstddef>
#include <cstdint>

namespace penstock::detail {

/// A receive or read into `memory`. `flags` are RWF_*.
void describe_receive(::iocb& block, receive_op& op, std::byte* memory, std::uint32_t size, int flags) noexcept;

/// The next piece of a send or write that has something left. \return how many bytes it offers to the kernel.
std::size_t describe_send(::iocb& block, send_op& op, int flags) noexcept;

}  // namespace penstock::detail
