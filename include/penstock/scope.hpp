// scope: tasks that run beside each other and never outlive the place that started them.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/task.hpp>

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

namespace penstock {

/// A place for tasks. Made by with_scope(); what is in it is cancelled and awaited before with_scope() returns.
/// Loop's thread only.
class scope : detail::task_owner {
  public:
    /// \param surroundings what cancels this scope too; may be null
    explicit scope(detail::cancel_state* surroundings) noexcept {
        done = on_done;
        cancel_.inherit(surroundings);
    }
    ~scope();
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

    /// Starts `work` beside the caller, with the loop's next round. Its value is dropped; an exception that leaves it
    /// ends the program, since nobody is there to catch it.
    template <class T>
    void spawn(task<T> work) noexcept {
        detail::promise_base& promise = work.prepare(cancel_, *this);
        static_cast<void>(work.release());
        promise.destroy = [](detail::promise_base& p) noexcept {
            using promise_type = typename task<T>::promise_type;
            std::coroutine_handle<promise_type>::from_promise(static_cast<promise_type&>(p)).destroy();
        };
        ++running_;
        current_loop->enqueue(promise);
    }

    /// Asks everything in the scope to end. It goes on until it has.
    void cancel() noexcept { cancel_.request(); }
    bool cancelled() const noexcept { return cancel_.requested(); }
    /// How many tasks are in it.
    std::size_t size() const noexcept { return running_; }

    /// Waits until the scope is empty. One waiter at a time. Not ended by cancellation, which the tasks themselves
    /// are told of.
    auto join() noexcept {
        struct awaiter {
            scope& in;
            bool await_ready() const noexcept { return in.running_ == 0; }
            void await_suspend(std::coroutine_handle<> h) const noexcept { in.joiner_ = h; }
            void await_resume() const noexcept {}
        };
        return awaiter{*this};
    }

    detail::cancel_state& cancellation() noexcept { return cancel_; }

  private:
    static void on_done(detail::task_owner& self, detail::promise_base& ended) noexcept;
    static void reap(detail::ready_item& item) noexcept;

    detail::cancel_state cancel_;
    std::size_t running_ = 0;
    std::coroutine_handle<> joiner_;
};

/// Runs `body(scope&)`, a callable that returns a task; then cancels what it started and has not ended, and waits for
/// it. To let the children finish, end the body with `co_await s.join();`. What the children refer to must be outside
/// of the body: its own variables end with it, while they may still be on their way out.
///
///     co_await with_scope([&](scope& s) -> task<> {
///         s.spawn(pump(a, b));
///         s.spawn(pump(b, a));
///         co_await s.join();
///     });
///
/// \return what the body returns.
template <class Body>
auto with_scope(Body body) -> std::invoke_result_t<Body&, scope&> {
    using value = typename std::invoke_result_t<Body&, scope&>::value_type;
    scope children(co_await detail::this_cancellation{});
    std::exception_ptr thrown;
    if constexpr (std::is_void_v<value>) {
        try {
            co_await body(children);
        } catch (...) {
            thrown = std::current_exception();
        }
        children.cancel();
        co_await children.join();
        if (thrown) std::rethrow_exception(thrown);
    } else {
        std::optional<value> returned;
        try {
            returned.emplace(co_await body(children));
        } catch (...) {
            thrown = std::current_exception();
        }
        children.cancel();
        co_await children.join();
        if (thrown) std::rethrow_exception(thrown);
        co_return std::move(*returned);
    }
}

}  // namespace penstock
