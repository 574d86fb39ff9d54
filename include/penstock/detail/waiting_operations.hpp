// Operations that move no bytes: what waits for readiness, for time, for words of memory, and what tells other loops.
#pragma once

#include <penstock/detail/operation_header.hpp>
#include <penstock/detail/requests.hpp>
#include <penstock/handle.hpp>
#include <penstock/loop_message.hpp>
#include <penstock/op_kind.hpp>
#include <penstock/time.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <utility>

namespace penstock::detail {

class unique_fd;

/// What tells again and again: each time is noted until somebody takes it. A final result > 0 is one more time, 0 says
/// only that this run has ended; after either it may be submitted again.
struct repeated_op : operation {
    static constexpr std::uint32_t most_untaken = 16;
    std::uint32_t untaken = 0;
    std::int32_t found = 0;  ///< all that the untaken ones have said
    bool full() const noexcept { return untaken >= most_untaken; }
    void note(std::int32_t one_more) noexcept {
        if (!full()) ++untaken;
        found |= one_more;
    }

  protected:
    explicit repeated_op(op_kind k) noexcept : operation(k) {}
};

/// Takes nothing. Result: what the kernel says of the descriptor, for ready_sides_of(). With `many` it may tell of each
/// change, and then it is not told what has been for long.
struct poll_op : repeated_op {
    static constexpr kind_facts about{op_kind::poll, "poll", wait_side::read};
    poll_op(handle h, bool to_write) noexcept : repeated_op(about.kind), target(h), for_writing(to_write) {}
    handle target;
    bool for_writing;
    bool many = false;
    std::int32_t call(call_mode mode) noexcept;
    handle waits_for() const noexcept { return target; }
    wait_side waits_now() const noexcept { return for_writing ? wait_side::write : wait_side::read; }
};

/// Tells at least `period` apart, where the mechanism has a clock; elsewhere the loop's timers do.
struct tick_op : repeated_op {
    static constexpr kind_facts about{op_kind::tick, "tick", wait_side::time};
    explicit tick_op(duration d) noexcept : repeated_op(about.kind), period(d) {}
    duration period;
    std::array<std::int64_t, 2> length{};  ///< memory for the kernel's seconds and nanoseconds
    std::int32_t call(call_mode) noexcept { return -EOPNOTSUPP; }
};

/// Waits while `word` is `expected`, until it is woken. Result: 0 either way; a wake-up may be for nothing. The call
/// that sleeps also ends with interrupt(), so that a thread which makes it is not lost.
struct futex_wait_op : operation {
    static constexpr kind_facts about{op_kind::futex_wait, "futex_wait", wait_side::wake_up};
    futex_wait_op(const std::atomic<std::uint32_t>& w, std::uint32_t v, futex_reach r) noexcept
        : operation(about.kind), word(&w), expected(v), reach(r) {}
    const std::atomic<std::uint32_t>* word;
    std::uint32_t expected;
    futex_reach reach;
    std::atomic<std::uint32_t> interrupted{0};  ///< a futex itself
    std::int32_t call(call_mode mode) noexcept;
    void interrupt() noexcept;
};

/// Result: how many were woken.
struct futex_wake_op : operation {
    static constexpr kind_facts about{op_kind::futex_wake, "futex_wake"};
    futex_wake_op(const std::atomic<std::uint32_t>& w, std::uint32_t n, futex_reach r) noexcept
        : operation(about.kind), word(&w), most(n), reach(r) {}
    const std::atomic<std::uint32_t>* word;
    std::uint32_t most;
    futex_reach reach;
    std::int32_t call(call_mode mode) noexcept;
};

/// Result: 0 once it is in the other loop's queue, and that is being woken.
struct loop_message_op : operation {
    static constexpr kind_facts about{op_kind::loop_message, "loop_message"};
    loop_message_op(std::shared_ptr<message_box> b, loop_message m) noexcept
        : operation(about.kind), box(std::move(b)), what(m) {}
    std::shared_ptr<message_box> box;
    loop_message what;
    std::shared_ptr<const unique_fd> door;  ///< of the backend, while it is under way
    std::int32_t call(call_mode mode) noexcept;
};

}  // namespace penstock::detail
