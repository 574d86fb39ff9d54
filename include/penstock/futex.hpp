// Waiting for a word of memory that other threads and processes change: futex(2), as a task.
#pragma once

#include <penstock/detail/requests.hpp>
#include <penstock/result.hpp>
#include <penstock/task.hpp>

#include <atomic>
#include <cstdint>

namespace penstock {

using futex_reach = detail::futex_reach;

/// Waits while `word` is `expected`, until somebody wakes who waits for it: futex_wake() on any loop, or a thread or
/// process by futex(2) itself. Ends at once if the word has another value; a change without a wake-up is not noticed.
/// As with futex(2), it may also end for nothing, so look at the word again:
///
///     while (word.load() == seen) must(co_await futex_wait(word, seen));
///
/// `word` must stay until the await ends. `who` must be as with those who wake: `machine` if the memory is shared with
/// another process. In a simulation, only loops of the simulation wake. Where each wait needs a thread,
/// backend_options::most_sleeping or max_threads is how many there may be.
/// Errors: operation_canceled (it has taken no wake-up then), errc::too_many_blocked_operations,
/// std::errc::bad_address.
task<result<void>> futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                              futex_reach who = futex_reach::process);

/// Wakes up to `most` of those who wait for `word`, in the order in which they began. \return how many they were.
/// Change the word first.
task<result<std::uint32_t>> futex_wake(const std::atomic<std::uint32_t>& word, std::uint32_t most = 1,
                                       futex_reach who = futex_reach::process);

}  // namespace penstock
