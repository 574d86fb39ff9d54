// Waiting for a word of memory to change: futex(2), futex_waitv(2).
#include <linux/futex.h>

#include "op/call.hpp"
#include "op/outcome.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace penstock::detail {
namespace {

using futex_value = std::atomic<std::uint32_t>;
static_assert(sizeof(futex_value) == sizeof(std::uint32_t) && futex_value::is_always_lock_free);

// Where the kernel can't wait for two words at once (before Linux 5.16), whether it was interrupted is looked at so
// often.
constexpr long slice_nanoseconds = 20'000'000;

int private_flag(futex_reach reach) noexcept { return reach == futex_reach::process ? FUTEX_PRIVATE_FLAG : 0; }

::futex_waitv waited_for(const futex_value& word, std::uint32_t expected, futex_reach reach) noexcept {
    const auto flags = static_cast<std::uint32_t>(FUTEX_32 | private_flag(reach));
    return {.val = expected, .uaddr = reinterpret_cast<std::uintptr_t>(&word), .flags = flags, .__reserved = 0};
}

/// \return 1: of the second, also if both were woken; 0: of the first; -EAGAIN: one of them has another value.
std::int32_t wait_for_either(const ::futex_waitv& first, const ::futex_waitv& second) noexcept {
    ::futex_waitv both[2] = {first, second};
    return outcome(::syscall(SYS_futex_waitv, both, 2, 0, nullptr, CLOCK_MONOTONIC));
}

std::int32_t wait_a_slice(const futex_wait_op& op) noexcept {
    const ::timespec slice{.tv_sec = 0, .tv_nsec = slice_nanoseconds};
    const int command = FUTEX_WAIT | private_flag(op.reach);
    return outcome(::syscall(SYS_futex, op.word, command, op.expected, &slice, nullptr, 0));
}

}  // namespace

std::int32_t futex_wait_op::call(call_mode mode) noexcept {
    bool can_wait_for_two = true;
    while (word->load(std::memory_order_acquire) == expected) {
        if (mode == call_mode::no_wait) return -EAGAIN;
        if (interrupted.load(std::memory_order_acquire) != 0) return -ECANCELED;
        std::int32_t r = -ENOSYS;
        if (can_wait_for_two) {
            r = wait_for_either(waited_for(interrupted, 0, futex_reach::process), waited_for(*word, expected, reach));
            if (r == 0 || r == -EAGAIN) continue;
            if (r > 0) return 0;
            can_wait_for_two = r != -ENOSYS && r != -EPERM;
        }
        if (!can_wait_for_two) r = wait_a_slice(*this);
        if (r == -ETIMEDOUT || r == -EAGAIN) continue;
        return r;
    }
    return 0;
}

void futex_wait_op::interrupt() noexcept {
    interrupted.store(1, std::memory_order_release);
    ::syscall(SYS_futex, &interrupted, FUTEX_WAKE_PRIVATE, 1);
}

std::int32_t futex_wake_op::call(call_mode) noexcept {
    const int count = static_cast<int>(std::min(most, static_cast<std::uint32_t>(INT_MAX)));
    return outcome(::syscall(SYS_futex, word, FUTEX_WAKE | private_flag(reach), count, nullptr, nullptr, 0));
}

}  // namespace penstock::detail
