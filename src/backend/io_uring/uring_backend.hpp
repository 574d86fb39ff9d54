// The io_uring backend: operations in, completions out.
#pragma once

#include "backend/backend.hpp"
#include "backend/io_uring/buffer_ring.hpp"
#include "backend/io_uring/direct_table.hpp"
#include "backend/io_uring/disk_ring.hpp"
#include "backend/io_uring/probe.hpp"
#include "backend/io_uring/registered.hpp"
#include "backend/io_uring/ring.hpp"
#include "backend/offload.hpp"
#include "backend/sleepers.hpp"
#include "backend/waker.hpp"
#include "backend/zero_copy.hpp"

#include <array>
#include <bitset>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace penstock::detail {

class uring_backend final : public backend {
  public:
    uring_backend(const backend_environment& environment, waker wake);
    ~uring_backend() override;

    std::expected<void, setup_error> set_up();

    std::string_view name() const noexcept override { return "io_uring"; }
    const capability_table& capabilities() const noexcept override { return capabilities_; }
    std::vector<feature_report> features() const override;
    submitted submit(operation& op) noexcept override;
    bool submit_linked(linked_operation& first) noexcept override;
    void flush() noexcept override;
    void wait(time_point now, time_point deadline, completions& out) noexcept override;
    void cancel(operation& op, completions& out) noexcept override;
    void wake() noexcept override { waker_.wake(); }
    backend_statistics statistics() const noexcept override;
    int door() const noexcept override { return ring_->raw()->ring_fd; }
    int register_memory(std::span<std::byte> memory) noexcept override;
    void unregister_memory(int region) noexcept override;

  private:
    // The low bits of user_data say what a completion is for; operations are aligned.
    enum tag : std::uint64_t {
        for_operation = 0,
        for_cancel = 1,
        for_waker = 2,
        for_poll = 3,
        for_linked = 4,
        for_limit = 5,  // of a linked one
        for_unlinked = for_linked | ring::unlinked,
        for_unlinked_limit = for_limit | ring::unlinked,
    };
    static constexpr std::uint64_t tag_mask = 7;
    static constexpr std::uint64_t cancel_of_ticks = for_cancel | (tag_mask + 1);  // an operation of kind tick
    // Where an operation is, and what was asked for it; in operation::backend_flags.
    enum mark : std::uint8_t {
        in_ring = 1,
        in_pool = 2,
        parked = 4,
        pausing = 8,
        cancelling = 16,
        started = 32,
        polled = 64,
        settled = 128,
    };
    // Whether the poll must wait for edges; in operation::scratch.
    static constexpr std::size_t edges = 0;
    // The linked_operation of one that is linked; in the same place.
    static constexpr std::size_t link = 0;
    // What is known of the operation besides the marks; in operation::scratch.
    static constexpr std::size_t notes = 1;
    enum note : std::uint64_t {
        beyond_cancel = 1,  ///< the kernel cannot be asked any more to end it: it is on the disk's ring, or on its way
        copies = 2,         ///< this send was refused without copying
        chained = 4,        ///< is in a chain that the kernel has
        by_call = 8,        ///< the ring has refused what a call may take
        cut = 16,           ///< of what this receive has brought something is lost: its stream fails
    };

    static bool marked(const operation& op, mark m) noexcept { return (op.backend_flags & m) != 0; }
    static void set(operation& op, mark m) noexcept { op.backend_flags |= m; }
    static void clear(operation& op, mark m) noexcept { op.backend_flags &= static_cast<std::uint8_t>(~m); }

    // Setting up
    void choose_routes(int no_buffer_ring) noexcept;
    void choose_bundles();
    int set_up_buffers();
    void report_features();

    // Chains
    void choose_chains() noexcept;
    void enter_linked(linked_operation& l) noexcept;
    static void name_slot(::io_uring_sqe& sqe, const operation& op) noexcept;
    void complete_linked(operation& op, std::int32_t outcome) noexcept;
    void complete_limit(operation& op, std::int32_t outcome) noexcept;
    void end_linked(linked_operation& l) noexcept;
    void complete_close(close_op& op, std::int32_t outcome) noexcept;

    // Submitting
    ::io_uring_sqe* sqe_for(const operation* op, tag t) noexcept;
    submitted dispatch(operation& op) noexcept;
    submitted submit_to_ring(operation& op) noexcept;
    submitted submit_to_disks(operation& op) noexcept;
    bool is_for_disks(operation& op) const noexcept;
    void refine(::io_uring_sqe& sqe, operation& op) noexcept;
    void forget_file(handle closed) noexcept;
    submitted submit_to_pool(operation& op) noexcept;
    submitted submit_call(operation& op) noexcept;
    submitted submit_message(loop_message_op& op) noexcept;
    void complete_message(loop_message_op& op, std::int32_t outcome) noexcept;
    bool needs_whole_buffer(operation& op) const noexcept;
    /// Of a receive or read: whether it gets its buffer from a ring of them, and not from the pool itself.
    bool goes_by_ring(operation& op) const noexcept;
    submitted submit_polled(operation& op) noexcept;
    void forget_terminal(handle closed) noexcept;
    bool writes_to_terminal(const operation& op) const noexcept;
    bool wait_for_readiness(operation& op) noexcept;
    bool must_poll(operation& op, std::int32_t outcome) noexcept;
    std::int32_t call_now(operation& op) noexcept;
    void submit_again(operation& op) noexcept;
    void arm_waker() noexcept;

    // Completing
    void complete(const ::io_uring_cqe& cqe) noexcept;
    void complete_operation(operation& op, const ::io_uring_cqe& cqe) noexcept;
    void complete_receive(receive_op& op, const ::io_uring_cqe& cqe) noexcept;
    void complete_repeated(repeated_op& op, const ::io_uring_cqe& cqe) noexcept;
    void deliver_bundle(receive_op& op, const ::io_uring_cqe& cqe) noexcept;
    void deliver_part(receive_op& op, const ::io_uring_cqe& cqe) noexcept;
    std::uint32_t bytes_within_credit(const lease_credit& credit) const noexcept;
    void complete_accept(accept_op& op, const ::io_uring_cqe& cqe) noexcept;
    void complete_message(operation& op, std::int32_t outcome) noexcept;
    void complete_open(open_op& op, std::int32_t outcome) noexcept;
    void complete_send(send_op& op, const ::io_uring_cqe& cqe) noexcept;
    bool awaits_notification(send_op& op, const ::io_uring_cqe& cqe) noexcept;
    void reset_connection(send_op& op) noexcept;
    void go_on_sending(send_op& op, std::int32_t outcome) noexcept;
    void complete_on_disk(const ::io_uring_cqe& cqe) noexcept;
    void leave_disks(std::int32_t fd) noexcept;
    void complete_poll(operation& op, const ::io_uring_cqe& cqe) noexcept;
    void finish(operation& op, std::int32_t outcome) noexcept;

    // Pausing, parking, cancelling
    void pause(operation& op) noexcept;
    void park(operation& op) noexcept;
    void retry_parked() noexcept;
    void retry_parked(list<operation>& all, std::uint32_t ring_has, std::uint32_t pool_has) noexcept;
    void request_cancel(operation& op) noexcept;
    bool submit_cancel(const operation& op) noexcept;
    void retry_cancels() noexcept;

    buffer_pool& buffers_;
    std::unique_ptr<ring> ring_ = std::make_unique<ring>();
    std::unique_ptr<disk_ring> disks_;  // null: not asked for, or not to be had
    registered tables_;
    direct_table direct_{tables_};
    zero_copy zero_copy_;
    std::string why_no_disks_;
    std::string why_no_bundles_;
    std::string why_no_parts_;
    std::vector<feature_report> features_;
    buffer_rings provided_;
    std::unique_ptr<::msghdr[]> headers_;  // one per submission entry; the kernel copies it when it takes the entry
    route_table routes_{};
    std::bitset<op_kind_count> chainable_;
    capability_table capabilities_;
    const backend_options& options_;
    completions* out_ = nullptr;
    std::vector<std::int32_t> terminals_;  // adopted ones
    // Receives that wait for a buffer, by its class.
    std::array<list<operation>, most_buffer_classes> parked_;
    list<operation> cancelling_;     // in the ring, and asked to end
    list<operation> resubmissions_;  // operations that go on and wait for one
    std::uint64_t parked_count_ = 0;
    std::uint64_t overflows_ = 0;
    bool cancels_missed_ = false;  // a cancel found no submission entry, or not what it was for
    std::uint64_t bundled_buffers_ = 0;
    std::uint64_t loops_rung_ = 0;
    const void* last_rung_ = nullptr;  // the door of the last entry that rings
    std::uint64_t enters_when_rung_ = 0;
    bool limits_receives_ = false;
    bool bundles_ = false;
    bool reads_ahead_ = false;
    bool limits_links_ = false;
    bool waker_armed_ = false;
    bool found_no_entry_ = false;  // something waits for one: entering makes room, so the next wait only polls
    waker waker_;
    offload offload_;  // these last: their threads must be done before the waker goes
    sleepers sleepers_;
};

}  // namespace penstock::detail
