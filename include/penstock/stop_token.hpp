// std::stop_token: cancelling a part of a loop's work from any thread.
#pragma once

#include <penstock/detail/cancel.hpp>
#include <penstock/loop.hpp>
#include <penstock/scope.hpp>
#include <penstock/task.hpp>

#include <coroutine>
#include <optional>
#include <stop_token>
#include <utility>

namespace penstock {

namespace detail {

/// A cancellation that a stop token requests. It lives in a frame of the loop's; disconnect() must be awaited before
/// that ends, since the request of another thread may be on its way.
class stop_link : ready_item {
  public:
    stop_link(const std::stop_token& token, cancel_state* surroundings) : home_(*current_loop) {
        cancel_.inherit(surroundings);
        run = [](ready_item& item) noexcept { static_cast<stop_link&>(item).arrive(); };
        if (token.stop_requested()) {
            cancel_.request();
        } else {
            callback_.emplace(token, on_stop{this});
        }
    }
    stop_link(const stop_link&) = delete;
    stop_link& operator=(const stop_link&) = delete;

    cancel_state& cancellation() noexcept { return cancel_; }

    /// Ends when the token can reach this no more.
    auto disconnect() noexcept {
        struct awaiter {
            stop_link& self;
            bool await_ready() const noexcept {
                self.callback_.reset();  // waits for a callback that is running on another thread
                return !self.sent_ || self.arrived_;
            }
            void await_suspend(std::coroutine_handle<> h) const noexcept { self.waiter_ = h; }
            void await_resume() const noexcept {}
        };
        return awaiter{*this};
    }

  private:
    struct on_stop {
        stop_link* self;
        void operator()() const noexcept {
            self->sent_ = true;
            self->home_.enqueue_remote(*self);
        }
    };

    void arrive() noexcept {
        arrived_ = true;
        if (waiter_) {
            waiter_.resume();
        } else {
            cancel_.request();
        }
    }

    loop& home_;
    cancel_state cancel_;
    std::coroutine_handle<> waiter_;
    bool sent_ = false;  // by the callback; read once that can't be running any more
    bool arrived_ = false;
    std::optional<std::stop_callback<on_stop>> callback_;
};

/// Awaits the end of a task but leaves its outcome in it.
template <class T>
struct end_awaiter : task<T>::awaiter {
    void await_resume() const noexcept {}
};

}  // namespace detail

/// with_scope() for work that another part of the program may stop: runs `body(scope&)` under a cancellation that is
/// requested when `token` is stopped, from any thread, or at once if it has been; then cancels what the body started
/// and has not ended, and waits for it.
///
///     std::jthread worker([](std::stop_token token) {
///         auto l = loop::create();
///         (*l)->run(with_stop_token(token, [&](scope& s) -> task<> { s.spawn(serve_things()); co_await s.join(); }));
///     });
///
/// The token is looked at here only: what runs inside is cancelled as everything in a loop is, without atomics. A stop
/// that comes while the end is awaited changes nothing. Unlike with with_scope(), the body itself is under this
/// cancellation, too.
/// \return what the body returns.
template <class Body>
auto with_stop_token(std::stop_token token, Body body) -> std::invoke_result_t<Body&, scope&> {
    using value = typename std::invoke_result_t<Body&, scope&>::value_type;
    task<value> work = with_scope(std::move(body));
    detail::stop_link link(token, co_await detail::this_cancellation{});
    co_await detail::run_under{&link.cancellation()};
    co_await detail::end_awaiter<value>{std::move(work).operator co_await()};
    co_await link.disconnect();
    co_return work.take_result();
}

}  // namespace penstock
