// A bell: one task waits until another, on the same loop, has rung it.
#pragma once

#include <penstock/loop.hpp>

#include <coroutine>
#include <utility>

namespace simulated {

/// What is waited for is for the waiter to look at, again and again: a bell keeps nothing of past rings.
class bell {
  public:
    /// On the loop of who waits.
    void ring() noexcept {
        if (!waiter_) return;
        resumes_ = std::exchange(waiter_, nullptr);
        item_.self = this;
        item_.run = [](penstock::detail::ready_item& item) noexcept {
            std::exchange(static_cast<own_item&>(item).self->resumes_, nullptr).resume();
        };
        penstock::current_loop->enqueue(item_);
    }

    auto wait() noexcept {
        struct awaiter {
            bell& at;
            bool await_ready() const noexcept { return false; }
            void await_suspend(std::coroutine_handle<> h) const noexcept { at.waiter_ = h; }
            void await_resume() const noexcept {}
        };
        return awaiter{*this};
    }

  private:
    struct own_item : penstock::detail::ready_item {
        bell* self = nullptr;
    };
    std::coroutine_handle<> waiter_;
    std::coroutine_handle<> resumes_;
    own_item item_;
};

}  // namespace simulated
