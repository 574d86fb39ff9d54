// An eventfd that ends another thread's wait; shared by every mechanism that waits on descriptors.
#pragma once

#include "base/setup.hpp"
#include "base/unique_fd.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>
#include <expected>

namespace penstock::detail {

class waker {
  public:
    static std::expected<waker, setup_error> create() {
        unique_fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        if (!fd) return std::unexpected(setup_failure("eventfd", errno));
        return waker(std::move(fd));
    }

    int fd() const noexcept { return fd_.get(); }

    /// Any thread. A full counter (2^64-2 wake-ups unread) is as good as one more.
    void wake() noexcept {
        const std::uint64_t one = 1;
        static_cast<void>(::write(fd_.get(), &one, sizeof one) + 0);
    }

    void clear() noexcept {
        std::uint64_t count = 0;
        static_cast<void>(::read(fd_.get(), &count, sizeof count) + 0);
    }

  private:
    explicit waker(unique_fd fd) noexcept : fd_(std::move(fd)) {}
    unique_fd fd_;
};

}  // namespace penstock::detail
