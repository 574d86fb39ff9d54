// Messages between loops, as operations.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/loop_message.hpp>
#include <penstock/result.hpp>
#include <penstock/task.hpp>

#include <coroutine>

namespace penstock {

/// Puts a message into the queue of a loop, this one or another, and wakes it. It has not been received by then.
/// Messages of one task to a loop arrive in their order. They wait until they are received, also from one run() to the
/// next, and are dropped with the loop. A message that is cancelled is sent all the same. Errors: errc::queue_full
/// (loop_options::message_capacity: try again later), errc::loop_stopped, std::errc::bad_file_descriptor of an address
/// that names no loop.
task<result<void>> send_to_loop(loop_address to, loop_message what);

namespace detail {

/// The awaiter of receive_from_loops().
class loop_message_awaiter : loop_message_waiter {
  public:
    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        cancel_state* const surroundings = h.promise().cancel;
        if (surroundings != nullptr && surroundings->requested()) {
            outcome_ = std::errc::operation_canceled;
            return false;
        }
        task_ = h;
        run = [](ready_item& item) noexcept {
            auto& self = static_cast<loop_message_awaiter&>(item);
            self.node_.unlink();
            self.task_.resume();
        };
        switch (current_loop->await_message(*this)) {
            case message_wait::there: return false;
            case message_wait::busy: outcome_ = std::errc::device_or_resource_busy; return false;
            case message_wait::deferred: return true;
            case message_wait::begun: break;
        }
        if (surroundings != nullptr) {
            node_.self = this;
            node_.fire = [](cancel_node& n) noexcept { static_cast<link&>(n).self->cancel(); };
            surroundings->add(node_);
        }
        return true;
    }

    result<loop_message> await_resume() const noexcept {
        if (outcome_ != std::errc{}) return fail(outcome_);
        return what;
    }

  private:
    struct link : cancel_node {
        loop_message_awaiter* self = nullptr;
    };
    void cancel() noexcept {
        if (!current_loop->abandon_message(*this)) return;  // it has one
        outcome_ = std::errc::operation_canceled;
        current_loop->enqueue(*this);
    }

    std::coroutine_handle<> task_;
    link node_;
    std::errc outcome_{};
};

}  // namespace detail

/// The next message for this loop. Errors: operation_canceled, and then none was taken; device_or_resource_busy while
/// another task of the loop waits for one.
inline auto receive_from_loops() noexcept { return detail::loop_message_awaiter{}; }

}  // namespace penstock
