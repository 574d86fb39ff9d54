// A ring as primitives need it, with the flags of a loop that one thread owns.
#pragma once

#include "support/sockets.hpp"

#include <liburing.h>

namespace iobench {

class small_ring {
  public:
    explicit small_ring(unsigned entries) {
        int error = ::io_uring_queue_init(entries, &ring_, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
        if (error == -EINVAL) error = ::io_uring_queue_init(entries, &ring_, 0);
        if (error < 0) bench::fail("io_uring_setup", -error);
        ::io_uring_register_ring_fd(&ring_);
    }
    small_ring(const small_ring&) = delete;
    small_ring& operator=(const small_ring&) = delete;
    ~small_ring() { ::io_uring_queue_exit(&ring_); }

    io_uring* get() { return &ring_; }
    io_uring_sqe* prepare() { return ::io_uring_get_sqe(&ring_); }

    /// Submits, waits for so many completions and takes all that are there, in one system call. An operation that was
    /// refused ends the program.
    void complete(unsigned count) {
        if (const int error = ::io_uring_submit_and_wait(&ring_, count); error < 0)
            bench::fail("io_uring_enter", -error);
        io_uring_cqe* entry = nullptr;
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_for_each_cqe(&ring_, head, entry) {
            if (entry->res < 0) bench::fail("a request of io_uring", -entry->res);
            ++seen;
        }
        ::io_uring_cq_advance(&ring_, seen);
    }

  private:
    io_uring ring_{};
};

}  // namespace iobench
