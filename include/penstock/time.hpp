// The library's clock. Deadlines are points on the monotonic clock, so setting the wall clock never fires a timer.
#pragma once

#include <chrono>

namespace penstock {

using clock = std::chrono::steady_clock;
using duration = std::chrono::nanoseconds;
using time_point = std::chrono::time_point<clock, duration>;

/// "No deadline".
inline constexpr time_point never = time_point::max();

namespace detail {

/// Where the time comes from when it is not the clock's (a simulation).
class time_source {
  public:
    virtual time_point now() const noexcept = 0;

  protected:
    time_source() = default;
    ~time_source() = default;
};

/// `d` after `from`, which the clock has said; never, where that is beyond what a time_point can say.
constexpr time_point later(time_point from, duration d) noexcept { return d > never - from ? never : from + d; }

}  // namespace detail
}  // namespace penstock
