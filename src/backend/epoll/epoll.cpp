#include "backend/epoll/epoll.hpp"

#include "backend/epoll/interest_list.hpp"
#include "backend/readiness/make_mechanism.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"
#include "base/wait_time.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace penstock::detail {
namespace {

// Few, so that what a connection needs for its receive is still in the processor's caches when it sends.
constexpr std::size_t events_per_call = 32;

class epoll_backend : public readiness_backend {
  public:
    epoll_backend(const backend_environment& environment, waker wake, unique_fd epoll)
        : readiness_backend(environment, std::move(wake)),
          epoll_(std::move(epoll)),
          interest_(epoll_.get(), environment.options.trigger, counted_.registrations),
          exclusive_accept_(environment.options.exclusive_accept),
          nanoseconds_(knows_nanoseconds()) {}

    std::string_view name() const noexcept override { return "epoll"; }

    std::expected<void, setup_error> set_up(const backend_environment& environment) override {
        ::epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = static_cast<std::uint32_t>(waker_.fd())}};
        if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) != 0) {
            return std::unexpected(setup_failure("epoll_ctl", errno));
        }
        return readiness_backend::set_up(environment);
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        const bool exclusively = exclusive_accept_ && state.at(side)->kind == op_kind::accept;
        return interest_.want(fd, state, side, exclusively);
    }

    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override { interest_.forget(fd, state); }

    void collect(time_point now, time_point deadline) noexcept override {
        interest_.apply(descriptors(), [&](std::int32_t fd, std::uint32_t generation) {
            on_ready(fd, generation, {.hang_up = true});  // the attempt will say what has become of it
            deadline = now;
        });
        std::array<::epoll_event, events_per_call> events;
        const wait_time limit(now, deadline);
        ++counted_.enters;
        const int count = nanoseconds_
                              ? ::epoll_pwait2(epoll_.get(), events.data(), events.size(), limit.relative(), nullptr)
                              : ::epoll_wait(epoll_.get(), events.data(), events.size(), limit.milliseconds());
        for (int i = 0; i < count; ++i) dispatch(events[static_cast<std::size_t>(i)]);
    }

  private:
    // Linux 5.11; policies that are older than the call refuse it, and then timers are true to the millisecond only.
    bool knows_nanoseconds() const noexcept {
        ::epoll_event unused;
        constexpr ::timespec at_once{};
        return ::epoll_pwait2(epoll_.get(), &unused, 1, &at_once, nullptr) >= 0;
    }

    void dispatch(const ::epoll_event& event) noexcept {
        const std::int32_t fd = interest_list::descriptor_of(event);
        if (fd == waker_.fd()) return waker_.clear();
        descriptor_state& state = descriptors()[fd];
        if (state.generation != interest_list::generation_of(event)) return;  // for what this number meant before
        const readiness what{.readable = (event.events & EPOLLIN) != 0,
                             .writable = (event.events & EPOLLOUT) != 0,
                             .hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0};
        interest_.told(fd, state, what.readable || what.hang_up, what.writable || what.hang_up);
        on_ready(fd, state.generation, what);
    }

    unique_fd epoll_;
    interest_list interest_;
    bool exclusive_accept_;
    bool nanoseconds_;
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_epoll(const backend_environment& environment) {
    unique_fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return std::unexpected(setup_failure("epoll_create1", errno));
    return make_mechanism<epoll_backend>(environment, std::move(epoll));
}

}  // namespace penstock::detail
