// Several tasks at once: when_all waits for all of them, when_any for the first.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/task.hpp>

#include <array>
#include <coroutine>
#include <cstddef>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace penstock {

namespace detail {

/// Starts a group of tasks and resumes one waiter when the last has ended. Their frames stay with the caller.
class task_group : task_owner {
  public:
    explicit task_group(cancel_state* surroundings) noexcept {
        done = on_done;
        cancel_.inherit(surroundings);
    }

    template <class T>
    void start(task<T>& work) noexcept {
        promise_base& promise = work.prepare(cancel_, *this);
        ++running_;
        current_loop->enqueue(promise);
    }

    bool await_ready() const noexcept { return running_ == 0; }
    void await_suspend(std::coroutine_handle<> h) noexcept { waiter_ = h; }
    void await_resume() const noexcept {}

    void cancel_rest_when_one_ended() noexcept { cancels_rest_ = true; }
    /// Whose end came first.
    const promise_base* winner() const noexcept { return winner_; }

  private:
    struct wake : ready_item {
        task_group* self = nullptr;
    };

    static void on_done(task_owner& owner, promise_base& ended) noexcept {
        auto& self = static_cast<task_group&>(owner);
        if (self.winner_ == nullptr) {
            self.winner_ = &ended;
            if (self.cancels_rest_) self.cancel_.request();
        }
        if (--self.running_ != 0 || !self.waiter_) return;
        self.wake_.self = &self;
        self.wake_.run = [](ready_item& item) noexcept { static_cast<wake&>(item).self->waiter_.resume(); };
        enqueue_on_current_loop(self.wake_);
    }

    cancel_state cancel_;
    std::size_t running_ = 0;
    std::coroutine_handle<> waiter_;
    const promise_base* winner_ = nullptr;
    bool cancels_rest_ = false;
    wake wake_;
};

/// void has no values to put in a tuple.
template <class T>
using value_or_monostate = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
value_or_monostate<T> take_value(task<T>& ended) {
    if constexpr (std::is_void_v<T>) {
        ended.take_result();
        return {};
    } else {
        return ended.take_result();
    }
}

}  // namespace detail

/// Runs the tasks beside each other and waits for all of them; one that fails does not stop the others.
/// \return a tuple of what they return, std::monostate for void.
template <class... T>
task<std::tuple<detail::value_or_monostate<T>...>> when_all(task<T>... tasks) {
    detail::task_group group(co_await detail::this_cancellation{});
    (group.start(tasks), ...);
    co_await group;
    co_return std::tuple<detail::value_or_monostate<T>...>{detail::take_value(tasks)...};
}

/// The same for any number of tasks of one type.
template <class T>
task<std::vector<detail::value_or_monostate<T>>> when_all(std::vector<task<T>> tasks) {
    detail::task_group group(co_await detail::this_cancellation{});
    for (task<T>& t : tasks) group.start(t);
    co_await group;
    std::vector<detail::value_or_monostate<T>> values;
    values.reserve(tasks.size());
    for (task<T>& t : tasks) values.push_back(detail::take_value(t));
    co_return values;
}

/// What when_any() found: who was first, and what everyone returned. A loser that had succeeded all the same has its
/// value here too, so that no connection or byte is lost; one that was cancelled in time has
/// std::errc::operation_canceled.
template <class... T>
struct any_result {
    std::size_t first = 0;
    std::tuple<detail::value_or_monostate<T>...> values;
};

/// Runs the tasks beside each other until one ends, cancels the others and waits for their end.
template <class... T>
task<any_result<T...>> when_any(task<T>... tasks) {
    detail::task_group group(co_await detail::this_cancellation{});
    group.cancel_rest_when_one_ended();
    const std::array<const detail::promise_base*, sizeof...(T)> promises{&tasks.promise()...};
    (group.start(tasks), ...);
    co_await group;
    std::size_t first = 0;
    while (promises[first] != group.winner()) ++first;
    co_return any_result<T...>{first, {detail::take_value(tasks)...}};
}

}  // namespace penstock
