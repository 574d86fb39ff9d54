#include "backend/io_uring/ring.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <ctime>

namespace penstock::detail {
namespace {

constexpr int looks_per_clock = 32;  // reading the clock costs as much as this many looks at a queue

constexpr int most_looks_for_room = 1000;  // then there is none, and the operation is offered again

void pause_a_moment() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
}

duration length_of(const ::timespec& time) noexcept {
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

// As liburing's own flush, which is not public; entering ourselves allows flags that 2.3 does not know.
unsigned ring::publish_submissions() noexcept {
    auto& sq = ring_.sq;
    sq.sqe_head = sq.sqe_tail;
    __atomic_store_n(sq.ktail, sq.sqe_tail, __ATOMIC_RELEASE);
    return sq.sqe_tail - __atomic_load_n(sq.khead, __ATOMIC_ACQUIRE);
}

void ring::wait_for_batch(const ::timespec* limit, time_point now) noexcept {
    enter(batch_.now(), limit);
    if (!batch_.adapts()) return;
    if (now == time_point::min()) now = clock::now();  // a loop without timers does not look at the clock
    batch_.learn(now, __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE) - *ring_.cq.khead);
}

int ring::enter(unsigned least, const ::timespec* limit) noexcept {
    const unsigned count = publish_submissions();
    ++enters_;
    return submitted(enter_waiting(count, least, limit));
}

long ring::enter_waiting(unsigned count, unsigned least, const ::timespec* limit) noexcept {
    unsigned flags = enter_flags_ | IORING_ENTER_GETEVENTS;
    if (submission_thread_ && thread_sleeps()) flags |= IORING_ENTER_SQ_WAKEUP;
    const bool batches = least > 1 && batch_microseconds_ != 0;
    if (least == 0 || (limit == nullptr && !batches)) {
        return ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, least, flags, nullptr, 0);
    }
    // A batch is not waited for longer than the caller would wait at all.
    std::uint32_t batch_time = batches ? batch_microseconds_ : 0;
    if (batches && limit != nullptr && length_of(*limit) < std::chrono::microseconds(batch_time)) {
        batch_time = 0;
        least = 1;
    }
    static_assert(sizeof(::timespec) == sizeof(::__kernel_timespec));
    flags |= IORING_ENTER_EXT_ARG;
    if (registered_wait_ != nullptr) {
        *registered_wait_ = {};
        if (limit != nullptr) {
            registered_wait_->limit = {.tv_sec = limit->tv_sec, .tv_nsec = limit->tv_nsec};
            registered_wait_->flags = wait_has_limit;
        }
        registered_wait_->min_wait_usec = batch_time;
        const void* const at_the_beginning = nullptr;
        return ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, least, flags | IORING_ENTER_EXT_ARG_REG,
                         at_the_beginning, sizeof(wait_argument));
    }
    ::io_uring_getevents_arg argument{};
    argument.ts = reinterpret_cast<std::uintptr_t>(limit);
    argument.pad = batch_time;  // min_wait_usec, which liburing 2.3 does not know
    return ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, least, flags, &argument, sizeof argument);
}

int ring::submit() noexcept {
    const unsigned count = publish_submissions();
    if (count == 0) return 0;
    unsigned flags = enter_flags_ & ~IORING_ENTER_NO_IOWAIT;
    if (submission_thread_) {
        if (thread_sleeps()) flags |= IORING_ENTER_SQ_WAKEUP;
        if (count == ring_.sq.ring_entries) flags |= IORING_ENTER_SQ_WAIT;
        if ((flags & (IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT)) == 0) return static_cast<int>(count);
    }
    ++enters_;
    const int r = submitted(::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, count, 0, flags, nullptr, 0));
    if ((flags & IORING_ENTER_SQ_WAIT) != 0) await_room();
    return r;
}

int ring::submitted(long outcome) noexcept {
    const int result = outcome < 0 ? -errno : static_cast<int>(outcome);
    if (has_submissions() && !submission_thread_) mend_chain();  // beside a thread there are no chains
    return result;
}

/// The kernel has stopped in the queue, as when it has no memory for a request. If that was within a chain, the rest
/// would be a chain of its own, and begin without regard to what came before; so it is made to do nothing.
void ring::mend_chain() noexcept {
    const unsigned mask = ring_.sq.ring_entries - 1;
    const unsigned head = __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE);
    constexpr unsigned links = IOSQE_IO_LINK | IOSQE_IO_HARDLINK;
    if ((ring_.sq.sqes[(head - 1) & mask].flags & links) == 0) return;
    for (unsigned i = head; i != ring_.sq.sqe_tail; ++i) {
        ::io_uring_sqe& entry = ring_.sq.sqes[i & mask];
        const bool last = (entry.flags & links) == 0;
        const std::uint64_t whose = entry.user_data;
        entry = {};
        ::io_uring_prep_nop(&entry);
        entry.user_data = whose | unlinked;
        if (last) return;
    }
}

// --- Beside a thread of the kernel that takes the submissions ----------------------------------------------

/// After the entries were shown to it: either it sees them, or it had said before that it sleeps.
bool ring::thread_sleeps() const noexcept {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    return said(IORING_SQ_NEED_WAKEUP);
}

/// The thread has taken entries when SQ_WAIT ends, but says so a moment later.
void ring::await_room() const noexcept {
    for (int i = 0; i < most_looks_for_room; ++i) {
        if (ring_.sq.sqe_tail - __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE) < ring_.sq.ring_entries) return;
        pause_a_moment();
    }
}

void ring::wait_beside_thread(bool only_look, const ::timespec* limit) noexcept {
    const unsigned left = publish_submissions();
    if (must_enter() || (left != 0 && thread_sleeps())) enter(0, nullptr);
    if (only_look || look_for_completions(limit)) return;
    enter(1, limit);
}

/// Looks for `spin_`, or until `limit`. \return whether there is no more to wait for.
bool ring::look_for_completions(const ::timespec* limit) const noexcept {
    if (has_completions()) return true;
    if (spin_ == duration{0}) return false;
    const bool until_limit = limit != nullptr && length_of(*limit) <= spin_;
    const time_point end = clock::now() + (until_limit ? length_of(*limit) : spin_);
    do {
        for (int i = 0; i < looks_per_clock; ++i) {
            if (has_completions()) return true;
            if (must_enter()) return false;
            pause_a_moment();
        }
    } while (clock::now() < end);
    return until_limit;
}

}  // namespace penstock::detail
