// Linux native AIO by its system calls, as primitives need it.
#pragma once

#include "support/sockets.hpp"

#include <linux/aio_abi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

namespace iobench {

class small_aio {
  public:
    explicit small_aio(unsigned slots) : events_(slots) {
        bench::check(static_cast<int>(::syscall(SYS_io_setup, slots, &context_)), "io_setup");
    }
    small_aio(const small_aio&) = delete;
    small_aio& operator=(const small_aio&) = delete;
    ~small_aio() { ::syscall(SYS_io_destroy, context_); }

    /// Whether the kernel knows such a request, by trying.
    bool takes(iocb& request) {
        iocb* one = &request;
        if (::syscall(SYS_io_submit, context_, 1, &one) != 1) return false;
        complete(1);
        return true;
    }
    void submit(std::vector<iocb*>& requests) {
        const auto taken = ::syscall(SYS_io_submit, context_, requests.size(), requests.data());
        if (taken != static_cast<long>(requests.size())) bench::fail("io_submit", taken < 0 ? errno : EAGAIN);
    }
    void complete(long count) {
        bench::check(static_cast<int>(::syscall(SYS_io_getevents, context_, count, static_cast<long>(events_.size()),
                                                events_.data(), nullptr)),
                     "io_getevents");
    }

  private:
    aio_context_t context_ = 0;
    std::vector<io_event> events_;
};

}  // namespace iobench
