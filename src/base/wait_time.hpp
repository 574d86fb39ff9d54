// A deadline in the form that the kernel's waiting calls take.
#pragma once

#include <penstock/time.hpp>

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace penstock::detail {

/// The time left from `now` to `deadline`: zero when it is past, no limit for `never`. A deadline that is neither needs
/// a real `now`.
class wait_time {
  public:
    wait_time(time_point now, time_point deadline) noexcept : unlimited_(deadline == never) {
        if (unlimited_ || deadline <= now) return;
        const auto left = deadline - now;
        const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
        left_ = {.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    }

    /// For ppoll, epoll_pwait2, io_getevents: null means no limit.
    const ::timespec* relative() const noexcept { return unlimited_ ? nullptr : &left_; }
    /// For epoll_wait(2) and poll(2), rounded up: -1 means no limit.
    int milliseconds() const noexcept {
        if (unlimited_) return -1;
        constexpr std::int64_t most = 24L * 3600 * 1000;  // and then the loop looks again
        return static_cast<int>(
            std::min(left_.tv_sec * std::int64_t{1000} + (left_.tv_nsec + 999'999) / 1'000'000, most));
    }
    bool only_polls() const noexcept { return !unlimited_ && left_.tv_sec == 0 && left_.tv_nsec == 0; }

  private:
    bool unlimited_;
    ::timespec left_{};
};

}  // namespace penstock::detail
