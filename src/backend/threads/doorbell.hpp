// What the loop's thread sleeps on: rung by any thread, heard once, never missed.
#pragma once

#include "backend/threads/futex.hpp"

namespace penstock::detail {

class doorbell {
  public:
    /// Why it was rung; several reasons add up until they are heard.
    enum reason : std::uint32_t { nothing = 0, finished = 1, wake = 2 };

    /// Any thread. Costs a system call only if the listener sleeps.
    void ring(reason why) noexcept {
        if (word_.fetch_or(why, std::memory_order_acq_rel) == sleeping) futex_wake(word_);
    }

    /// What was rung since the last time, as a set of reasons. What a ringer did before ringing is visible
    /// after.
    std::uint32_t heard() noexcept { return word_.exchange(nothing, std::memory_order_acq_rel) & ~sleeping; }

    /// Sleeps until it is rung or `deadline` (or, rarely, for no reason), and returns what heard() does.
    std::uint32_t listen(time_point deadline) noexcept {
        std::uint32_t silent = nothing;
        if (word_.compare_exchange_strong(silent, sleeping, std::memory_order_acq_rel)) {
            futex_wait(word_, sleeping, deadline);
        }
        return heard();
    }

  private:
    // Set by the listener before it sleeps: a ring in between changes the word, and the kernel refuses to
    // sleep.
    static constexpr std::uint32_t sleeping = 4;

    futex_word word_{nothing};
};

}  // namespace penstock::detail
