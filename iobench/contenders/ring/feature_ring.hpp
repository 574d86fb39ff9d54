// A bare io_uring on which one thing more can be switched on: registered files or buffers, zero-copy, a poller.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace iobench {

/// What a contender has beyond the plain ring. Each is a word of its name: "bare/ring+files+buffers".
struct ring_features {
    bool files = false;      ///< descriptors are registered, and found without a reference count
    bool buffers = false;    ///< memory is registered: its pages are pinned once and not for each request
    bool zero_copy = false;  ///< sends by IORING_OP_SEND_ZC; of sockets only
    bool sqpoll = false;     ///< a thread of the kernel looks for requests (IORING_SETUP_SQPOLL)
    bool iopoll = false;  ///< completions of a disk are polled for (IORING_SETUP_IOPOLL); of files with O_DIRECT only

    static ring_features named(std::string_view contender);
};

/// Why such a ring can't be made here, in one line; empty if it can.
std::string why_no_ring(const ring_features&);

/// For programs that have nobody to hand an error to: what goes wrong ends them, with a line that says what.
class feature_ring {
  public:
    feature_ring(unsigned entries, const ring_features&);
    feature_ring(const feature_ring&) = delete;
    feature_ring& operator=(const feature_ring&) = delete;
    ~feature_ring() { ::io_uring_queue_exit(&ring_); }

    io_uring* native() noexcept { return &ring_; }
    io_uring_sqe& prepare();
    /// Hands over what was prepared and waits until something has completed. With SQPOLL a system call is made only
    /// when the poller sleeps or when there is nothing to be reaped.
    void turn();

    template <class Deliver>
    void reap(Deliver deliver) {
        unsigned head = 0;
        unsigned seen = 0;
        const io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_, head, completion) {
            deliver(*completion);
            ++seen;
        }
        ::io_uring_cq_advance(&ring_, seen);
    }

  private:
    unsigned publish() noexcept;
    void enter(unsigned submit, unsigned completions, unsigned flags);

    io_uring ring_{};
    unsigned registered_ = 0;  // a flag of io_uring_enter
    bool sqpoll_;
};

}  // namespace iobench
