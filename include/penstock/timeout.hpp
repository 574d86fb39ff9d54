// Deadlines: anything that can be awaited can be given a time limit.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/task.hpp>

#include <utility>

namespace penstock {

namespace detail {

/// A cancellation that a timer requests; lives in the frame of timeout().
class deadline_state : timer_node {
  public:
    deadline_state(cancel_state* surroundings, time_point limit) noexcept {
        cancel_.inherit(surroundings);
        fire = [](timer_node& t) noexcept {
            auto& self = static_cast<deadline_state&>(t);
            if (self.cancel_.requested()) return;  // the surroundings came first, and that is what is told
            self.passed_ = true;
            self.cancel_.request();
        };
        current_loop->set_timer(*this, limit);
    }
    ~deadline_state() { current_loop->cancel_timer(*this); }
    deadline_state(const deadline_state&) = delete;
    deadline_state& operator=(const deadline_state&) = delete;

    cancel_state& cancellation() noexcept { return cancel_; }
    bool passed() const noexcept { return passed_; }

  private:
    cancel_state cancel_;
    bool passed_ = false;
};

template <class Awaitable>
decltype(auto) awaiter_of(Awaitable&& awaitable) {
    if constexpr (requires { std::forward<Awaitable>(awaitable).operator co_await(); }) {
        return std::forward<Awaitable>(awaitable).operator co_await();
    } else {
        return std::forward<Awaitable>(awaitable);
    }
}

template <class Awaitable>
using await_result = decltype(awaiter_of(std::declval<Awaitable>()).await_resume());

}  // namespace detail

/// Awaits `work`, which must yield a result<T>, until `deadline`. The deadline says when cancellation is requested;
/// the await ends when `work` does. If work succeeded all the same, that is what is returned; if it was cancelled by
/// this deadline, std::errc::timed_out; if by the surroundings, std::errc::operation_canceled.
template <class Awaitable>
task<detail::await_result<Awaitable>> with_deadline(time_point deadline, Awaitable work) {
    detail::deadline_state limit(co_await detail::this_cancellation{}, deadline);
    co_await detail::run_under{&limit.cancellation()};
    auto outcome = co_await std::move(work);
    if (limit.passed() && !outcome && outcome.error() == std::errc::operation_canceled) {
        co_return fail(std::errc::timed_out);
    }
    co_return outcome;
}

namespace detail {

/// Made outside of a loop, which alone knows what time it is there.
template <class Awaitable>
task<await_result<Awaitable>> with_timeout_from_start(duration d, Awaitable work) {
    const time_point limit = later(current_loop->now(), d);
    co_return co_await with_deadline(limit, std::move(work));
}

}  // namespace detail

/// The same, `d` from now; outside of a loop (for loop::run()), from its start.
template <class Awaitable>
auto with_timeout(duration d, Awaitable work) {
    if (current_loop == nullptr) return detail::with_timeout_from_start(d, std::move(work));
    return with_deadline(detail::later(current_loop->now(), d), std::move(work));
}

}  // namespace penstock
