// Waiting for time, and for one's turn.
#pragma once

#include <penstock/loop.hpp>

#include <coroutine>

namespace penstock {

namespace detail {

class sleep_awaiter {
  public:
    explicit sleep_awaiter(time_point deadline) noexcept : deadline_(deadline) {}

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        cancel_state* const surroundings = h.promise().cancel;
        if (surroundings != nullptr && surroundings->requested()) {
            cancelled_ = true;
            return false;
        }
        waiter_ = h;
        timer_.self = node_.self = this;
        timer_.fire = [](timer_node& t) noexcept { static_cast<timer&>(t).self->finish(); };
        node_.fire = [](cancel_node& n) noexcept {
            sleep_awaiter& self = *static_cast<link&>(n).self;
            self.cancelled_ = true;
            current_loop->cancel_timer(self.timer_);
            self.finish();
        };
        current_loop->set_timer(timer_, deadline_);
        if (surroundings != nullptr) surroundings->add(node_);
        return true;
    }

    result<void> await_resume() const noexcept {
        if (cancelled_) return fail(std::errc::operation_canceled);
        return {};
    }

  private:
    struct timer : timer_node {
        sleep_awaiter* self = nullptr;
    };
    struct link : cancel_node {
        sleep_awaiter* self = nullptr;
    };
    struct wake : ready_item {
        sleep_awaiter* self = nullptr;
    };

    void finish() noexcept {
        node_.unlink();
        wake_.self = this;
        wake_.run = [](ready_item& item) noexcept { static_cast<wake&>(item).self->waiter_.resume(); };
        current_loop->enqueue(wake_);
    }

    time_point deadline_;
    std::coroutine_handle<> waiter_;
    timer timer_;
    link node_;
    wake wake_;
    bool cancelled_ = false;
};

struct yield_awaiter : ready_item {
    std::coroutine_handle<> waiter;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        waiter = h;
        run = [](ready_item& item) noexcept { static_cast<yield_awaiter&>(item).waiter.resume(); };
        current_loop->enqueue_next_turn(*this);
    }
    void await_resume() const noexcept {}
};

}  // namespace detail

/// Sleeps until `deadline`. \return nothing, or std::errc::operation_canceled if the task is cancelled first.
inline auto sleep_until(time_point deadline) noexcept { return detail::sleep_awaiter(deadline); }

/// Sleeps for `d`, counted from the start of the loop's turn.
inline auto sleep_for(duration d) noexcept { return detail::sleep_awaiter(detail::later(current_loop->now(), d)); }

/// Lets everything else go first: what is ready now, and what the kernel has by then. `co_await yield();`
inline auto yield() noexcept { return detail::yield_awaiter{}; }

}  // namespace penstock
