// task<T>: a coroutine that starts when awaited and runs on the loop of whoever awaits it.
#pragma once

#include <penstock/detail/cancel.hpp>
#include <penstock/detail/frame_arena.hpp>
#include <penstock/operation.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace penstock {

template <class T = void>
class task;

namespace detail {

struct promise_base;

/// Who is told when a task ends that nobody awaits directly: a scope, when_all, the loop's root.
struct task_owner {
    void (*done)(task_owner&, promise_base&) noexcept = nullptr;
};

/// Whether the task's end should go through the loop's ready queue (see loop::transfer_through_queue).
bool transfer_through_queue() noexcept;
void enqueue_on_current_loop(ready_item& item) noexcept;

/// What every task's promise has. As a ready_item, it resumes the coroutine that it names in `resumes`.
struct promise_base : ready_item {
    std::coroutine_handle<> resumes;  ///< whom to resume at the end; while queued to start: the task itself
    cancel_state* cancel = nullptr;   ///< what it runs under; inherited by what it awaits
    task_owner* owner = nullptr;      ///< set if nobody awaits it directly
    void (*destroy)(promise_base&) noexcept = nullptr;  ///< set if the owner must free the frame
    std::exception_ptr exception;

    static void resume_item(ready_item& item) noexcept { static_cast<promise_base&>(item).resumes.resume(); }

    struct final_awaiter {
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
            promise_base& promise = ended.promise();
            if (promise.owner != nullptr) {
                promise.owner->done(*promise.owner, promise);
                return std::noop_coroutine();
            }
            if (!transfer_through_queue()) return promise.resumes;
            promise.run = resume_item;
            enqueue_on_current_loop(promise);
            return std::noop_coroutine();
        }
        void await_resume() const noexcept {}
    };

    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { exception = std::current_exception(); }

    static void* operator new(std::size_t size) { return allocate_frame(size); }
    static void operator delete(void* frame) noexcept { free_frame(frame); }
};

template <class T>
struct task_promise : promise_base {
    task<T> get_return_object() noexcept;
    template <class U = T>
        requires std::is_constructible_v<T, U&&>
    void return_value(U&& returned) {
        value.emplace(std::forward<U>(returned));
    }
    T take() {
        if (exception) std::rethrow_exception(exception);
        return std::move(*value);
    }
    std::optional<T> value;
};

template <>
struct task_promise<void> : promise_base {
    task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const {
        if (exception) std::rethrow_exception(exception);
    }
};

}  // namespace detail

/// A lazily started coroutine. Move-only; await it once: `co_await read_all(stream)`. It runs under the cancellation
/// of whoever awaits it. Destroy it only before it was started or after it ended: one that is under way belongs to
/// whoever awaits it, or to its scope. Errors travel as values (task<result<T>>); an exception that leaves the
/// coroutine is rethrown at the await.
template <class T>
class [[nodiscard]] task {
  public:
    using promise_type = detail::task_promise<T>;
    using value_type = T;

    task() noexcept = default;
    task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    task& operator=(task&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~task() {
        if (frame_) frame_.destroy();
    }

    struct awaiter {
        std::coroutine_handle<promise_type> frame;
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
            frame.promise().resumes = awaiting;
            frame.promise().cancel = awaiting.promise().cancel;
            return frame;
        }
        T await_resume() const { return frame.promise().take(); }
    };
    awaiter operator co_await() && noexcept { return {frame_}; }

    // --- For scopes, when_all and the loop ---

    /// Prepares the task to be started through the ready queue, with `owner` told of its end.
    detail::promise_base& prepare(detail::cancel_state& cancel, detail::task_owner& owner) noexcept {
        promise_type& promise = frame_.promise();
        promise.resumes = frame_;
        promise.run = detail::promise_base::resume_item;
        promise.cancel = &cancel;
        promise.owner = &owner;
        return promise;
    }
    detail::promise_base& promise() noexcept { return frame_.promise(); }
    T take_result() { return frame_.promise().take(); }
    /// Gives up ownership; the owner of the task's end destroys the frame.
    std::coroutine_handle<promise_type> release() noexcept { return std::exchange(frame_, nullptr); }

  private:
    friend promise_type;
    explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

namespace detail {

template <class T>
task<T> task_promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<task_promise<T>>::from_promise(*this));
}

inline task<void> task_promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<task_promise<void>>::from_promise(*this));
}

/// The cancellation that the awaiting task runs under: `auto* c = co_await this_cancellation{}`. Does not suspend.
struct this_cancellation {
    cancel_state* found = nullptr;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        found = h.promise().cancel;
        return false;
    }
    cancel_state* await_resume() const noexcept { return found; }
};

/// Puts the rest of the awaiting task under another cancellation. Does not suspend.
struct run_under {
    cancel_state* other;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) const noexcept {
        h.promise().cancel = other;
        return false;
    }
    void await_resume() const noexcept {}
};

}  // namespace detail
}  // namespace penstock
