// For what native AIO cannot poll: terminals, whose poll waits on two queues at once; signal descriptors, which answer
// each thread for itself, so that the kernel's worker sees nothing; and whatever exceeds the request slots. They are
// watched by one epoll descriptor, and that is polled like any other.
#pragma once

#include "backend/readiness/readiness.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <expected>

namespace penstock::detail {

class nested_epoll {
  public:
    static std::expected<nested_epoll, setup_error> create() {
        unique_fd fd(::epoll_create1(EPOLL_CLOEXEC));
        if (!fd) return std::unexpected(setup_failure("epoll_create1", errno));
        return nested_epoll(std::move(fd));
    }

    std::int32_t fd() const noexcept { return fd_.get(); }

    /// Watches both directions, edge-triggered, so that nothing need be armed again. At one that is `registered` the
    /// kernel looks anew, which finds what a partial read has left. \return 0 or -errno; -EPERM says "a file".
    std::int32_t watch(std::int32_t fd, std::uint32_t generation, bool registered) noexcept {
        ::epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                            .data = {.u64 = std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd)}};
        return ::epoll_ctl(fd_.get(), registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
    }

    void forget(std::int32_t fd) noexcept { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

    /// Reports what is ready now to `report(fd, generation, readiness)`; not all of it when that is much, which the
    /// next poll of fd() finds.
    template <class Report>
    void collect(Report report) noexcept {
        std::array<::epoll_event, 64> events;
        const int count = ::epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()), 0);
        for (int i = 0; i < count; ++i) {
            const ::epoll_event& event = events[static_cast<std::size_t>(i)];
            report(static_cast<std::int32_t>(event.data.u64 & 0xffff'ffff),
                   static_cast<std::uint32_t>(event.data.u64 >> 32),
                   readiness{.readable = (event.events & EPOLLIN) != 0,
                             .writable = (event.events & EPOLLOUT) != 0,
                             .hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0});
        }
    }

  private:
    explicit nested_epoll(unique_fd fd) noexcept : fd_(std::move(fd)) {}
    unique_fd fd_;
};

}  // namespace penstock::detail
