// How many completions a wait is for, where it may be for several.
#pragma once

#include <penstock/time.hpp>

#include <algorithm>
#include <cstdint>

namespace penstock::detail {

/// A fixed number; or, by what the last millisecond has brought, one while few come, and else as many as a wait has
/// brought at most. So who has one request at a time is not held up, and does not pay for the timer that ends a wait
/// for several; nor are a few held up, who would wait for more than they are.
class batch_target {
  public:
    batch_target() noexcept = default;
    batch_target(unsigned most, duration time, bool adapts) noexcept
        : most_(most), now_(adapts ? 1 : most), time_(time), adapts_(adapts) {}

    unsigned most() const noexcept { return most_; }
    bool adapts() const noexcept { return adapts_; }
    unsigned now() const noexcept { return now_; }

    /// Of each wait: about when it was, and how many it brought.
    void learn(time_point when, unsigned came) noexcept {
        if (!adapts_) return;
        came_ += came;
        most_at_once_ = std::max(most_at_once_, came);
        const duration since = when - period_began_;
        if (since < period) return;
        const bool many = most_at_once_ >= many_at_once && came_ * time_ >= worth_waiting_for * since;
        now_ = many ? std::min(most_at_once_, most_) : 1;
        came_ = 0;
        most_at_once_ = 1;
        period_began_ = when;
    }

  private:
    static constexpr duration period = std::chrono::milliseconds(1);
    /// In the time that a wait may take: with fewer, the timer costs more than the turns that it saves.
    static constexpr std::int64_t worth_waiting_for = 4;
    /// A few clients, each of which waits for its answer, are never so many at once; they would only be held up.
    static constexpr unsigned many_at_once = 10;

    unsigned most_ = 1;
    unsigned now_ = 1;
    duration time_{0};
    bool adapts_ = false;
    std::int64_t came_ = 0;
    unsigned most_at_once_ = 1;
    time_point period_began_{};
};

}  // namespace penstock::detail
