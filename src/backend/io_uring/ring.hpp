// One ring: set up with the best flags that the kernel takes, entered once per turn.
#pragma once

#include "backend/io_uring/batch_target.hpp"
#include "backend/io_uring/kernel.hpp"
#include <penstock/explain.hpp>
#include <penstock/operation.hpp>
#include <penstock/result.hpp>
#include <penstock/time.hpp>
#include <penstock/uring_options.hpp>

#include <cstdint>
#include <expected>
#include <vector>

namespace penstock::detail {

/// What a ring is to be.
struct ring_request {
    std::uint32_t entries = 256;
    std::uint32_t completions = 4096;
    const uring_options& options;
    std::vector<std::uint8_t> forbidden = {};  ///< opcodes that the kernel is to refuse from start() on
    std::vector<std::uint8_t> used = {};       ///< the opcodes to allow, if options.restricted
    bool polls_disks = false;                  ///< for reads and writes of O_DIRECT files only, by polling
};

/// Owns the ring and its mappings. Used by the thread that made it.
class ring {
  public:
    ring() noexcept = default;
    ~ring();
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    /// Sets the ring up. Each flag that the kernel refuses with EINVAL is left out, which features() then says.
    std::expected<void, setup_error> set_up(const ring_request& request);
    /// From here on it takes submissions. What restrictions do not allow later is to be registered before.
    std::expected<void, setup_error> start(const ring_request& request);

    /// A cleared submission entry, or null when the queue is full: submit() makes room.
    ::io_uring_sqe* next_sqe() noexcept { return ::io_uring_get_sqe(&ring_); }
    /// The number of the entry that next_sqe() gave last, for what lies beside the queue.
    std::uint32_t index_of(const ::io_uring_sqe* sqe) const noexcept {
        return static_cast<std::uint32_t>(sqe - ring_.sq.sqes);
    }
    std::uint32_t entries() const noexcept { return ring_.sq.ring_entries; }
    /// Entries that next_sqe() will give before it gives none.
    std::uint32_t room() const noexcept {
        return entries() - (ring_.sq.sqe_tail - __atomic_load_n(ring_.sq.khead, __ATOMIC_ACQUIRE));
    }

    /// A bit of user_data that is free for this: of an entry that was linked to one that the kernel took without it.
    /// It does nothing then.
    static constexpr std::uint64_t unlinked = 2;

    bool has_completions() const noexcept {
        return *ring_.cq.khead != __atomic_load_n(ring_.cq.ktail, __ATOMIC_ACQUIRE);
    }
    bool has_submissions() const noexcept { return ring_.sq.sqe_tail != *ring_.sq.khead; }
    /// The kernel keeps completions aside, or has deferred work: only entering brings them out.
    bool must_enter() const noexcept { return said(IORING_SQ_CQ_OVERFLOW | IORING_SQ_TASKRUN); }
    bool overflowed() const noexcept { return said(IORING_SQ_CQ_OVERFLOW); }

    /// Submits everything; unless it is `only_look`, also waits for a completion (or as many as are asked for together)
    /// until `limit` (null: none) has passed. Makes no system call that is not needed for it. `now` is for a batch that
    /// adapts; time_point::min() if it is not known.
    void wait(bool only_look, const ::timespec* limit, time_point now = time_point::min()) noexcept {
        if (submission_thread_) {
            wait_beside_thread(only_look, limit);
        } else if (!only_look) {
            wait_for_batch(limit, now);
        } else if (has_submissions() || must_enter()) {
            enter(0, nullptr);
        }
    }
    /// Submits everything, and with `least` > 0 waits for that many completions or until `limit` (null: none) has
    /// passed; also runs deferred work. \return what the kernel took, or -errno.
    int enter(unsigned least, const ::timespec* limit) noexcept;
    /// Submits everything without waiting for a completion. When the queue is full there is room afterwards, unless the
    /// kernel can take no more.
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

    bool has_submission_thread() const noexcept { return submission_thread_; }
    std::uint64_t enters() const noexcept { return enters_; }
    ::io_uring* raw() noexcept { return &ring_; }
    /// What was asked for and what there is, by name.
    const std::vector<feature_report>& features() const noexcept { return features_; }
    /// The newest that the kernel knows; 0: it does not say.
    std::uint8_t last_opcode() const noexcept { return last_opcode_; }

  private:
    bool said(unsigned flags) const noexcept {
        return (__atomic_load_n(ring_.sq.kflags, __ATOMIC_RELAXED) & flags) != 0;
    }
    int init(const ring_request& request) noexcept;
    int try_flags(unsigned flags, const ring_request& request) noexcept;
    int tell(unsigned what, const void* argument, unsigned count) noexcept;
    void report_flags(const ring_request& request);
    void report(std::string_view name, int error, std::string detail_if_on);
    void prepare_waiting(const uring_options& options);
    int map_wait_argument() noexcept;
    void poll_network(const uring_options& options);
    int restrict_to(const std::vector<std::uint8_t>& opcodes, const std::vector<std::uint8_t>& registrations);
    std::vector<std::uint8_t> allowed_opcodes(const ring_request& request);

    void wait_for_batch(const ::timespec* limit, time_point now) noexcept;
    unsigned publish_submissions() noexcept;
    void wait_beside_thread(bool only_look, const ::timespec* limit) noexcept;
    bool thread_sleeps() const noexcept;
    void await_room() const noexcept;
    bool look_for_completions(const ::timespec* limit) const noexcept;
    long enter_waiting(unsigned count, unsigned least, const ::timespec* limit) noexcept;
    int submitted(long outcome) noexcept;
    void mend_chain() noexcept;

    ::io_uring ring_{};
    ::io_uring_params params_{};
    bool there_ = false;
    bool submission_thread_ = false;
    unsigned enter_flags_ = 0;
    batch_target batch_;
    std::uint32_t batch_microseconds_ = 0;
    duration spin_{0};
    wait_argument* registered_wait_ = nullptr;  // one page
    std::uint64_t enters_ = 0;
    std::uint8_t last_opcode_ = 0;
    std::vector<feature_report> features_;
};

}  // namespace penstock::detail
