// Deadlines of exchanges, at the price of one store each: a ticker counts quarters of a second, and once per tick all
// that are under way are looked at.
#pragma once

#include <penstock/detail/cancel.hpp>
#include <penstock/detail/intrusive_list.hpp>
#include <penstock/loop.hpp>

#include <cstdint>

namespace tinygate {

class time_limit;

/// The clock of one worker's deadlines. Costs nothing while there are none.
class ticker : penstock::detail::timer_node {
  public:
    static constexpr penstock::duration period = std::chrono::milliseconds(250);

    ticker() noexcept;
    ~ticker();
    ticker(const ticker&) = delete;
    ticker& operator=(const ticker&) = delete;

    /// Cancels all that are under way, and at once those that are still to come. Loop's thread, outside of them.
    void stop() noexcept;

    /// Ticks so far; they stop when nobody needs them.
    std::uint32_t now() const noexcept { return ticks_; }
    /// The tick after which `limit` has surely passed.
    std::uint32_t after(penstock::duration limit) const noexcept {
        return ticks_ + 1 + static_cast<std::uint32_t>((limit + period - penstock::duration{1}) / period);
    }

  private:
    friend class time_limit;
    void add(time_limit& d) noexcept;
    void tick() noexcept;

    penstock::detail::list<time_limit> under_way_;
    penstock::loop* home_ = nullptr;
    std::uint32_t ticks_ = 0;
    bool stopped_ = false;
};

/// Cancels what runs under it when the phase that it was last told of takes too long. Lives in a coroutine's frame:
///
///     time_limit limit(worker.clock, co_await this_cancellation{}, timeouts.head);
///     co_await run_under{&limit.cancellation()};
class time_limit : public penstock::detail::list_hook {
  public:
    time_limit(ticker& clock, penstock::detail::cancel_state* surroundings, penstock::duration limit) noexcept;
    ~time_limit() { unlink(); }
    time_limit(const time_limit&) = delete;
    time_limit& operator=(const time_limit&) = delete;

    /// Another phase begins, which may take `limit` from now.
    void expect(penstock::duration limit) noexcept { expires_ = clock_.after(limit); }
    /// As long as `moved` grows, the phase goes on; `limit` is for the time between. Null: no longer.
    void watch(const std::uint64_t* moved, penstock::duration limit) noexcept;
    /// Whether this is why things were cancelled.
    bool passed() const noexcept { return passed_; }

    penstock::detail::cancel_state& cancellation() noexcept { return cancel_; }

  private:
    friend class ticker;
    void look() noexcept;

    ticker& clock_;
    penstock::detail::cancel_state cancel_;
    const std::uint64_t* moved_ = nullptr;
    std::uint64_t moved_before_ = 0;
    penstock::duration between_{0};
    std::uint32_t expires_;
    bool passed_ = false;
};

}  // namespace tinygate
