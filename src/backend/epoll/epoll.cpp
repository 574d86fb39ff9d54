#include "backend/epoll/epoll.hpp"

#include "backend/epoll/change_list.hpp"
#include "backend/epoll/event_key.hpp"
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
          changes_(epoll_.get(), environment.options.trigger == epoll_trigger::one_shot, registrations_),
          by_edges_(environment.options.trigger == epoll_trigger::edge),
          exclusive_accept_(environment.options.exclusive_accept),
          nanoseconds_(knows_nanoseconds()) {}
    ~epoll_backend() override { end_offload(); }  // while wake() still works
    epoll_backend(const epoll_backend&) = delete;
    epoll_backend& operator=(const epoll_backend&) = delete;

    std::string_view name() const noexcept override { return "epoll"; }
    void flush() noexcept override {}  // what is collected concerns the next wait only
    void wake() noexcept override { waker_.wake(); }

    std::int32_t add_waker() noexcept {
        ::epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = event_key(waker_.fd(), 0)}};
        return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, waker_.fd(), &event) == 0 ? 0 : -errno;
    }

    std::expected<void, setup_error> set_up_files(const backend_environment& environment) {
        return readiness_backend::set_up_files(environment, waker_.fd());
    }

    backend_statistics statistics() const noexcept override {
        backend_statistics s = readiness_backend::statistics();
        s.registrations = registrations_;
        return s;
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        // Edges would tell a loop that has stopped accepting, and the connection would wait for that one alone.
        const bool exclusively = exclusive_accept_ && state.at(side)->kind == op_kind::accept;
        return by_edges_ && !exclusively ? watch_edges(fd, state) : changes_.want(fd, state, side, exclusively);
    }

    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override {
        if (is_changeable(state)) {
            changes_.forget(fd, state);
        } else if (state.mechanism[0] != 0 && state.shared) {
            // Closing the last descriptor ends a registration by itself. An adopted one may live on elsewhere.
            ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
        }
    }

    void collect(time_point now, time_point deadline) noexcept override {
        changes_.apply(descriptors(), [&](std::int32_t fd, std::uint32_t generation) {
            on_ready(fd, generation, {.hang_up = true});  // the attempt will say what has become of it
            deadline = now;
        });
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

    bool is_changeable(const descriptor_state& state) const noexcept {
        return !by_edges_ || change_list::is_exclusive(state);
    }

    std::int32_t watch_edges(std::int32_t fd, descriptor_state& state) noexcept {
        const bool known = state.mechanism[0] != 0;
        if (known && !state.asks_each_time) return 0;
        // Both directions, so that nothing need be re-armed: the adaptor remembers readiness until EAGAIN. EPOLLPRI
        // because urgent data makes a read short although more is there.
        ::epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET,
                            .data = {.u64 = event_key(fd, state.generation)}};
        ++registrations_;
        // Modifying a registration makes the kernel look anew, which finds what a partial read has left.
        if (::epoll_ctl(epoll_.get(), known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) return -errno;
        state.mechanism[0] = 1;
        return 0;
    }

    void dispatch(const ::epoll_event& event) noexcept {
        const std::int32_t fd = descriptor_of(event);
        if (fd == waker_.fd()) {
            waker_.clear();
            return;
        }
        descriptor_state& state = descriptors()[fd];
        if (state.generation != generation_of(event)) return;  // it is for what this number meant before
        const readiness what{.readable = (event.events & EPOLLIN) != 0,
                             .writable = (event.events & EPOLLOUT) != 0,
                             .hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI)) != 0};
        if (is_changeable(state)) {
            changes_.told(fd, state, what.readable || what.hang_up, what.writable || what.hang_up);
        }
        on_ready(fd, state.generation, what);
    }

    unique_fd epoll_;
    waker waker_;
    change_list changes_;
    bool by_edges_;
    bool exclusive_accept_;
    bool nanoseconds_;
    std::uint64_t registrations_ = 0;
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
