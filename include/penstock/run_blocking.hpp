// run_blocking: a callable that blocks (a library without an asynchronous form, a long computation) on a worker thread.
#pragma once

#include <penstock/detail/cancel.hpp>
#include <penstock/detail/job.hpp>
#include <penstock/operation.hpp>
#include <penstock/result.hpp>

#include <coroutine>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

namespace penstock {

class loop;

namespace detail {

/// The way to a worker and back; what is called there is the business of the class on top.
class blocking_call {
  protected:
    blocking_call(void (*call)(blocking_call&) noexcept, const char* name) noexcept : call_(call), name_(name) {}

    /// Hands the call to a worker. \return whether it is under way; if not, refusal() says why.
    bool begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept;
    /// Why nothing was called; no error if it was.
    std::error_code refusal() const noexcept { return refusal_; }

  private:
    struct own_job : job {
        blocking_call* self = nullptr;
    };
    struct own_wake : ready_item {
        blocking_call* self = nullptr;
    };
    struct own_link : cancel_node {
        blocking_call* self = nullptr;
    };

    void run_on_worker() noexcept;
    void withdraw() noexcept;
    void resume() noexcept;

    void (*call_)(blocking_call&) noexcept;
    const char* name_;
    loop* home_ = nullptr;
    std::coroutine_handle<> waiter_;
    std::error_code refusal_;
    own_job job_;
    own_wake wake_;
    own_link link_;
};

template <class T>
struct blocking_result {
    using type = result<T>;
};
template <class T>
struct blocking_result<result<T>> {
    using type = result<T>;
};

/// The awaiter of run_blocking(). Until it has ended, callable, value and exception belong to the worker.
template <class Callable>
class [[nodiscard]] blocking_awaiter : blocking_call {
    using returned = std::invoke_result_t<Callable&>;
    using answer = typename blocking_result<returned>::type;
    static_assert(!std::is_reference_v<returned>, "run_blocking() yields values; return a pointer instead");

  public:
    blocking_awaiter(Callable callable, const char* name) : blocking_call(call, name), callable_(std::move(callable)) {}

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        return begin(h, h.promise().cancel);
    }

    answer await_resume() {
        if (refusal()) return fail(refusal());
        if (thrown_) std::rethrow_exception(thrown_);
        if constexpr (std::is_void_v<returned>) {
            return {};
        } else {
            return std::move(*value_);
        }
    }

  private:
    static void call(blocking_call& base) noexcept {
        auto& self = static_cast<blocking_awaiter&>(base);
        try {
            if constexpr (std::is_void_v<returned>) {
                std::invoke(self.callable_);
            } else {
                self.value_.emplace(std::invoke(self.callable_));
            }
        } catch (...) {
            self.thrown_ = std::current_exception();
        }
    }

    Callable callable_;
    std::optional<std::conditional_t<std::is_void_v<returned>, std::monostate, returned>> value_;
    std::exception_ptr thrown_;
};

}  // namespace detail

/// Calls `callable()` on a thread of the loop's worker pool while the loop goes on:
///
///     result<std::string> text = co_await run_blocking([&] { return read_with_that_library(name); }, "that library");
///
/// The pool is small (loop_options::worker_threads; the backend may use it for files) and its queue is bounded
/// (loop_options::worker_queue), so it is for what blocks now and then, not for every request. The callable must not
/// use the loop or anything that belongs to it, but for what is documented for any thread (loop::post). What it refers
/// to must stay until the await ends. Signals are blocked on the workers.
///
/// Cancelling withdraws a call that no worker has begun (operation_canceled). One that has begun runs to its end, which
/// the await waits for, and its outcome counts: so does a deadline take effect then. A call that never returns keeps
/// its task, and loop::run(), for ever.
///
/// \param name what a worker is busy with; a string literal, named when it delays the end of the loop
/// \return what the callable returns, as result<T>; a result<T> stays what it is. An exception of the callable is
/// rethrown at the await. Errors: errc::queue_full (nothing was called; so too if no thread can be started),
/// operation_canceled.
template <class Callable>
auto run_blocking(Callable&& callable, const char* name = "run_blocking") {
    return detail::blocking_awaiter<std::decay_t<Callable>>(std::forward<Callable>(callable), name);
}

}  // namespace penstock
