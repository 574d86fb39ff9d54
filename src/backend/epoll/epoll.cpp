#include "backend/epoll/epoll.hpp"

#include "backend/readiness/readiness.hpp"
#include "backend/waker.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"
#include "base/wait_time.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

namespace penstock::detail {
namespace {

constexpr std::size_t events_per_call = 256;

class epoll_backend final : public readiness_backend {
  public:
    epoll_backend(const backend_environment& environment, unique_fd epoll, waker wake)
        : readiness_backend(environment),
          epoll_(std::move(epoll)),
          waker_(std::move(wake)),
          nanoseconds_(knows_nanoseconds()) {}
    ~epoll_backend() override { end_offload(); }  // while wake() still works
    epoll_backend(const epoll_backend&) = delete;
    epoll_backend& operator=(const epoll_backend&) = delete;

    std::string_view name() const noexcept override { return "epoll"; }
    void flush() noexcept override {}  // calls are made at once; nothing is collected
    void wake() noexcept override { waker_.wake(); }

    std::int32_t add_waker() noexcept {
        ::epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = key(waker_.fd(), 0)}};
        return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) == 0 ? 0 : -errno;
    }

    std::expected<void, setup_error> set_up_files(const backend_environment& environment) {
        return readiness_backend::set_up_files(environment, waker_.fd());
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction) noexcept override {
        const bool known = state.mechanism[0] != 0;
        if (known && !state.asks_each_time) return 0;
        // Edge-triggered, so that nothing need be re-armed: the adaptor remembers readiness until EAGAIN. EPOLLPRI
        // because urgent data makes a read short although more is there.
        ::epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                            .data = {.u64 = key(fd, state.generation)}};
        // Modifying a registration makes the kernel look anew, which finds what a partial read has left.
        if (::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) return -errno;
        state.mechanism[0] = 1;
        return 0;
    }

    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override {
        // Closing the last descriptor ends a registration by itself. An adopted one may live on elsewhere.
        if (state.mechanism[0] == 0 || !state.shared) return;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    }

    void collect(time_point now, time_point deadline) noexcept override {
        std::array<::epoll_event, events_per_call> events;
        const wait_time limit(now, deadline);
        ++enters_;
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

    static std::uint64_t key(std::int32_t fd, std::uint32_t generation) noexcept {
        return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
    }

    void dispatch(const ::epoll_event& event) noexcept {
        const auto fd = static_cast<std::int32_t>(event.data.u64 & 0xffff'ffff);
        if (fd == waker_.fd()) {
            waker_.clear();
            return;
        }
        on_ready(fd, static_cast<std::uint32_t>(event.data.u64 >> 32),
                 {.readable = (event.events & EPOLLIN) != 0,
                  .writable = (event.events & EPOLLOUT) != 0,
                  .hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0});
    }

    unique_fd epoll_;
    waker waker_;
    bool nanoseconds_;
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_epoll(const backend_environment& environment) {
    unique_fd epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return std::unexpected(setup_failure("epoll_create1", errno));
    auto wake = waker::create();
    if (!wake) return std::unexpected(wake.error());
    auto made = std::make_unique<epoll_backend>(environment, std::move(epoll), std::move(*wake));
    if (const std::int32_t r = made->add_waker(); r < 0) return std::unexpected(setup_failure("epoll_ctl", -r));
    if (auto files = made->set_up_files(environment); !files) return std::unexpected(std::move(files.error()));
    return made;
}

}  // namespace penstock::detail
