#include "clock/time_limit.hpp"

#include <utility>

namespace tinygate {

using penstock::current_loop;

ticker::ticker() noexcept {
    fire = [](timer_node& t) noexcept { static_cast<ticker&>(t).tick(); };
}

ticker::~ticker() {
    if (home_ != nullptr) home_->cancel_timer(*this);
}

void ticker::add(time_limit& d) noexcept {
    home_ = current_loop;
    under_way_.push_back(d);
    if (stopped_) d.cancel_.request();
    if (!set) current_loop->set_timer(*this, penstock::detail::later(current_loop->now(), period));
}

// Cancelling runs nothing at once, so the list does not change under the walk.
void ticker::tick() noexcept {
    ++ticks_;
    for (time_limit* d = under_way_.front(); d != nullptr; d = under_way_.next(*d)) d->look();
    if (!under_way_.empty()) current_loop->set_timer(*this, penstock::detail::later(current_loop->now(), period));
}

void ticker::stop() noexcept {
    stopped_ = true;
    for (time_limit* d = under_way_.front(); d != nullptr; d = under_way_.next(*d)) d->cancel_.request();
}

time_limit::time_limit(ticker& clock, penstock::detail::cancel_state* surroundings, penstock::duration limit) noexcept
    : clock_(clock), expires_(clock.after(limit)) {
    cancel_.inherit(surroundings);
    clock.add(*this);
}

void time_limit::watch(const std::uint64_t* moved, penstock::duration limit) noexcept {
    moved_ = moved;
    moved_before_ = moved == nullptr ? 0 : *moved;
    between_ = limit;
    expect(limit);
}

void time_limit::look() noexcept {
    if (passed_ || static_cast<std::int32_t>(clock_.now() - expires_) < 0) return;
    if (moved_ != nullptr && *moved_ != moved_before_) {
        moved_before_ = *moved_;
        expect(between_);
        return;
    }
    passed_ = true;
    cancel_.request();
}

}  // namespace tinygate
