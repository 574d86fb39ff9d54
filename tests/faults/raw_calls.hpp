// What reaches the kernel through syscall(2), by interface.
#pragma once

#include <linux/aio_abi.h>

namespace penstock::testing {

/// Each answers as syscall(2) does: -1 and errno.
long faulty_io_setup(unsigned slots, ::aio_context_t* id) noexcept;
long faulty_io_submit(::aio_context_t id, long count, ::iocb** blocks) noexcept;
long faulty_io_uring_enter(int ring, unsigned count, unsigned least, unsigned flags, const void* argument,
                           unsigned long size) noexcept;

}  // namespace penstock::testing
