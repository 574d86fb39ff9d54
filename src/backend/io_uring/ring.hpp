// One ring: set up with the best flags that the kernel takes, entered once per turn.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/operation.hpp>
#include <penstock/result.hpp>
#include <penstock/time.hpp>

#include <cstdint>
#include <expected>
#include <vector>

namespace penstock::detail {

/// Owns the ring and its mappings. Used by the thread that made it.
class ring {
  public:
    ring() noexcept = default;
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    /// Sets the ring up: one issuer, deferred task work, submit-all and the completion size are asked for, and each is
    /// dropped if the kernel refuses it with EINVAL. Opcodes in `forbidden` are refused by the kernel from then on.
    std::expected<void, setup_error> set_up(std::uint32_t entries, std::uint32_t completions,
                                            const std::vector<std::uint8_t>& forbidden);

    /// A cleared submission entry, or null when the queue is full: enter() makes room.
    ::io_uring_sqe* next_sqe() noexcept { return ::io_uring_get_sqe(&ring_); }
    /// The number of the entry that next_sqe() gave last, for what lies beside the queue.
    std::uint32_t index_of(const ::io_uring_sqe* sqe) const noexcept {
        return static_cast<std::uint32_t>(sqe - ring_.sq.sqes);
    }
    std::uint32_t entries() const noexcept { return ring_.sq.ring_entries; }

    bool has_completions() const noexcept {
        return *ring_.cq.khead != __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE);
    }
    bool has_submissions() const noexcept { return ring_.sq.sqe_tail != *ring_.sq.khead; }
    /// The kernel keeps completions aside, or has deferred work: only entering brings them out.
    bool must_enter() const noexcept {
        return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & (IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN)) != 0;
    }
    bool overflowed() const noexcept {
        return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & IORING_SQ_CQ_OVERFLOW) != 0;
    }

    /// Submits everything, and with `least` > 0 waits for that many completions or until `limit` (null: none) has
    /// passed; also runs deferred work. \return what the kernel took, or -errno.
    int enter(unsigned least, const ::timespec* limit) noexcept;
    /// Submits everything without waiting.
    int submit() noexcept;

    /// Calls `take` for every completion that is there now.
    template <class Take>
    unsigned reap(Take take) noexcept {
        const unsigned tail = __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE);
        unsigned head = *ring_.cq.khead;
        const unsigned count = tail - head;
        const unsigned mask = ring_.cq.ring_entries - 1;
        for (; head != tail; ++head) take(ring_.cq.cqes[head & mask]);
        __atomic_store_n(ring_.cq.khead, tail, __ATOMIC_RELEASE);
        return count;
    }

    std::uint64_t enters() const noexcept { return enters_; }
    ::io_uring* raw() noexcept { return &ring_; }

  private:
    int init(std::uint32_t entries, ::io_uring_params& params) noexcept;
    int restrict_to_all_but(const std::vector<std::uint8_t>& forbidden);
    unsigned publish_submissions() noexcept;

    ::io_uring ring_{};
    bool there_ = false;
    unsigned enter_flags_ = 0;
    std::uint64_t enters_ = 0;
};

}  // namespace penstock::detail
