#include <penstock/run_blocking.hpp>

#include "runtime/loop_core.hpp"
#include <penstock/loop.hpp>

namespace penstock::detail {

bool blocking_call::begin(std::coroutine_handle<> waiter, cancel_state* surroundings) noexcept {
    if (surroundings != nullptr && surroundings->requested()) {
        refusal_ = std::make_error_code(std::errc::operation_canceled);
        return false;
    }
    home_ = current_loop;
    waiter_ = waiter;
    job_.self = wake_.self = link_.self = this;
    job_.name = name_;
    job_.run = [](job& j) noexcept { static_cast<own_job&>(j).self->run_on_worker(); };
    wake_.run = [](ready_item& item) noexcept { static_cast<own_wake&>(item).self->resume(); };
    link_.fire = [](cancel_node& n) noexcept { static_cast<own_link&>(n).self->withdraw(); };
    if (!home_->core().submit_job(job_)) {
        refusal_ = errc::queue_full;
        return false;
    }
    // It may have ended by now, but that is heard of on this thread, later.
    if (surroundings != nullptr) surroundings->add(link_);
    return true;
}

void blocking_call::run_on_worker() noexcept {
    call_(*this);
    home_->enqueue_remote(wake_);  // with that, this object is the loop's again, and may be gone
}

void blocking_call::withdraw() noexcept {
    if (!home_->core().withdraw_job(job_)) return;
    refusal_ = std::make_error_code(std::errc::operation_canceled);
    home_->enqueue(wake_);
}

void blocking_call::resume() noexcept {
    link_.unlink();
    waiter_.resume();
}

}  // namespace penstock::detail
