#include <penstock/scope.hpp>

#include "base/check.hpp"

namespace penstock {

scope::~scope() { PENSTOCK_CHECK(running_ == 0, "a scope was destroyed with tasks in it; use with_scope()"); }

// The frame can't be freed from its own last suspension, so that goes through the ready queue.
void scope::on_done(detail::task_owner&, detail::promise_base& ended) noexcept {
    ended.run = reap;
    detail::enqueue_on_current_loop(ended);
}

void scope::reap(detail::ready_item& item) noexcept {
    auto& ended = static_cast<detail::promise_base&>(item);
    auto& self = static_cast<scope&>(*ended.owner);
    PENSTOCK_CHECK(!ended.exception, "an exception left a task that nobody awaits");
    ended.destroy(ended);
    if (--self.running_ == 0 && self.joiner_) std::exchange(self.joiner_, nullptr).resume();
}

}  // namespace penstock
