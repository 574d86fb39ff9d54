// Awaiting an operation.
#pragma once

#include <penstock/loop.hpp>

#include <cerrno>
#include <coroutine>

namespace penstock::detail {

/// Whether cancelling the awaiting task cancels the operation, or whether it must run to its end (closing must).
enum class cancellable : bool { no, yes };

/// An operation in its awaiter. `Op` has the payload; `result` of the header is read after the await.
template <class Op, cancellable Cancellable = cancellable::yes>
class awaited : public Op {
  public:
    using Op::Op;

    bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        if constexpr (Cancellable == cancellable::yes) {
            cancel_state* const surroundings = h.promise().cancel;
            if (surroundings != nullptr && surroundings->requested()) {
                this->result = -ECANCELED;
                return false;
            }
            if (!start(h)) return false;
            if (surroundings != nullptr) link_to(*surroundings);
            return true;
        } else {
            return start(h);
        }
    }

    /// The operation's own result: >= 0, or a negative error for decode().
    std::int32_t await_resume() const noexcept { return this->result; }

  private:
    struct link : cancel_node {
        operation* self = nullptr;
    };

    bool start(std::coroutine_handle<> waiter) noexcept {
        waiter_ = waiter;
        this->run = [](ready_item& item) noexcept {
            auto& self = static_cast<awaited&>(static_cast<operation&>(item));
            self.ready = false;
            self.node_.unlink();
            self.waiter_.resume();
        };
        return current_loop->start(*this);
    }

    void link_to(cancel_state& surroundings) noexcept {
        node_.self = this;
        node_.fire = [](cancel_node& node) noexcept { current_loop->cancel(*static_cast<link&>(node).self); };
        surroundings.add(node_);
    }

    std::coroutine_handle<> waiter_;
    link node_;
};

/// A result of no value from an operation's outcome.
inline result<void> to_result(std::int32_t outcome) noexcept {
    if (outcome < 0) return std::unexpected(decode(outcome));
    return {};
}

}  // namespace penstock::detail
