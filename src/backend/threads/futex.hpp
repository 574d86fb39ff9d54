// Sleeping until a word changes. The standard's atomic wait has neither a deadline nor a bound on how long it
// spins.
#pragma once

#include <penstock/time.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <ctime>

namespace penstock::detail {

using futex_word = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_word) == sizeof(std::uint32_t) && futex_word::is_always_lock_free);

/// Sleeps while `word` is `expected`, until woken, `deadline` or a signal: the caller looks at the word
/// again.
inline void futex_wait(futex_word& word, std::uint32_t expected, time_point deadline) noexcept {
    // An absolute time on the monotonic clock, which is what the bitset form of the call takes.
    const auto since_boot = deadline.time_since_epoch();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(since_boot);
    const ::timespec until{.tv_sec = seconds.count(), .tv_nsec = (since_boot - seconds).count()};
    ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE, expected, deadline == never ? nullptr : &until, nullptr,
              FUTEX_BITSET_MATCH_ANY);
}

/// Wakes the one thread that sleeps on `word`, if it does.
inline void futex_wake(futex_word& word) noexcept { ::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1); }

}  // namespace penstock::detail
