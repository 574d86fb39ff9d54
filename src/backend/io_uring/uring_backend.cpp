#include "backend/io_uring/uring_backend.hpp"

#include "backend/io_uring/zero_copy.hpp"
#include "base/wait_time.hpp"
#include "op/call.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace penstock::detail {
namespace {

// What the plain call does at once. A Unix socket connects or is refused: it never waits but for a full backlog, where
// the kernel would put a thread to sleep for it.
bool needs_no_entry(operation& op) noexcept {
    return (op.kind == op_kind::close && as<close_op>(op).forget_only) ||
           (op.kind == op_kind::accept && as<accept_op>(op).only_pending) ||
           (op.kind == op_kind::splice && as<splice_op>(op).only_pending) ||
           (op.kind == op_kind::send_message && waits_on(op) == wait_side::none) ||
           (op.kind == op_kind::connect && as<connect_op>(op).address.family() == address_family::unix_path);
}

// An entry has 32 bits for a length, and unlike a read this can't be cut short.
bool exceeds_entry(operation& op) noexcept {
    return op.kind == op_kind::advise_memory && as<advise_memory_op>(op).size > UINT32_MAX;
}

// Kinds that are called at once otherwise.
bool is_for_direct(operation& op) noexcept {
    return (op.kind == op_kind::shutdown && direct_table::is_direct(as<shutdown_op>(op).target.id)) ||
           (op.kind == op_kind::install && direct_table::is_direct(as<install_op>(op).target.id));
}

// What follows is a call of its own (splice(2)), which an entry that waits for the next enter would come after.
bool precedes_a_call(operation& op) noexcept { return op.kind == op_kind::send && as<send_op>(op).more_follows; }

bool goes_on_reading(const lease_credit& credit) noexcept { return credit.reads_ahead && !credit.one_at_a_time; }

// Overflowed completions come back in portions as large as the completion queue; this many are taken per wait.
constexpr int most_overflow_rounds = 64;

}  // namespace

// --- Submitting --------------------------------------------------------------------------------------------

submitted uring_backend::submit(operation& op) noexcept {
    op.backend_flags = 0;
    op.scratch = {};
    if (op.kind == op_kind::close) {
        forget_terminal(as<close_op>(op).target);
        forget_file(as<close_op>(op).target);
    }
    return dispatch(op);
}

submitted uring_backend::dispatch(operation& op) noexcept {
    if (needs_no_entry(op)) return submit_call(op);
    if (writes_to_terminal(op) || precedes_a_call(op) || needs_whole_buffer(op) || (op.scratch[notes] & by_call) != 0) {
        return submit_polled(op);
    }
    const route way = routes_[static_cast<std::size_t>(op.kind)];
    if (op.kind == op_kind::loop_message && way == route::ring) return submit_message(as<loop_message_op>(op));
    switch (way) {
        case route::ring: return exceeds_entry(op) ? submit_to_pool(op) : submit_to_ring(op);
        case route::call: return submit_call(op);
        case route::poll: return submit_polled(op);
        case route::pool: return submit_to_pool(op);
        case route::sleep: set(op, in_pool); return sleepers_.submit(op);
    }
    return submitted::busy;
}

/// Of a buffer that is filled in parts a read would get what is left, which can be less than must be read at once (of a
/// signalfd, an eventfd); and at the end of a pipe some kernels say that they have let go of a buffer which they go on
/// filling.
bool uring_backend::needs_whole_buffer(operation& op) const noexcept {
    return op.kind == op_kind::read && provided_.in_parts() &&
           !(reads_ahead_ && goes_on_reading(as<receive_op>(op).credit));
}

bool uring_backend::goes_by_ring(operation& op) const noexcept {
    return routes_[static_cast<std::size_t>(op.kind)] == route::ring && !needs_whole_buffer(op) &&
           (op.scratch[notes] & by_call) == 0;
}

submitted uring_backend::submit_to_pool(operation& op) noexcept {
    const submitted answer = offload_.submit(op);
    if (answer == submitted::queued) set(op, in_pool);
    return answer;
}

::io_uring_sqe* uring_backend::sqe_for(const operation* op, tag t) noexcept {
    ::io_uring_sqe* sqe = ring_->next_sqe();
    if (sqe == nullptr) {
        ring_->submit();
        sqe = ring_->next_sqe();
    }
    if (sqe == nullptr) {
        found_no_entry_ = true;
        return nullptr;
    }
    sqe->user_data = reinterpret_cast<std::uintptr_t>(op) | t;
    return sqe;
}

submitted uring_backend::submit_to_ring(operation& op) noexcept {
    if ((op.kind == op_kind::send || op.kind == op_kind::write) && as<send_op>(op).count == 0) {
        op.result = 0;
        return submitted::completed;
    }
    if (disks_ != nullptr && is_for_disks(op)) return submit_to_disks(op);
    ::io_uring_sqe* const sqe = sqe_for(&op, for_operation);
    if (sqe == nullptr) {
        return submitted::busy;
    }
    prepare(*sqe, op, headers_[ring_->index_of(sqe)]);
    refine(*sqe, op);
    if (direct_table::is_direct(sqe->fd)) name_slot(*sqe, op);
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&op) | for_operation;
    set(op, in_ring);
    return submitted::queued;
}

/// Cancelling a receive that has used up its credit takes effect with the next turn only; by then the kernel may have
/// filled a hundred buffers. So it is told when to end.
std::uint32_t uring_backend::bytes_within_credit(const lease_credit& credit) const noexcept {
    const std::uint64_t leases = credit.exhausted() || credit.one_at_a_time ? 1 : credit.limit - credit.held;
    const std::uint64_t size = buffers_.buffer_size(credit.buffer_class);
    // The first one may be a byte at the end of a buffer, and what it brings at least is counted whole.
    const std::uint64_t bytes = provided_.in_parts() ? (leases - 1) * size + 1 : leases * size;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(bytes, 0x7fff'ffff));
}

/// What goes beyond the plain form of an entry.
void uring_backend::refine(::io_uring_sqe& sqe, operation& op) noexcept {
    switch (op.kind) {
        case op_kind::receive:
            if (!limits_receives_) {
                receive_once(sqe);
                return;
            }
            if (bundles_) sqe.ioprio |= IORING_RECVSEND_BUNDLE;
            limit_receive(sqe, bytes_within_credit(as<receive_op>(op).credit));
            return;
        case op_kind::read:
            if (reads_ahead_ && goes_on_reading(as<receive_op>(op).credit)) read_ahead(sqe);
            return;
        case op_kind::send:
            if ((op.scratch[notes] & copies) == 0 &&
                zero_copy_.wants(bytes_left(as<send_op>(op), zero_copy_.threshold()))) {
                send_without_copying(sqe);
            }
            return;
        case op_kind::read_at:
        case op_kind::write_at: tables_.refine(sqe, as<read_at_op>(op)); return;
        default: return;
    }
}

bool uring_backend::is_for_disks(operation& op) const noexcept {
    return (op.kind == op_kind::read_at || op.kind == op_kind::write_at) && disks_->takes(as<read_at_op>(op).target.id);
}

submitted uring_backend::submit_to_disks(operation& op) noexcept {
    ::io_uring_sqe* const sqe = disks_->next_sqe();
    if (sqe == nullptr) return submitted::busy;  // what is under way there makes room
    ::msghdr unused;
    prepare(*sqe, op, unused);
    disks_->tables().refine(*sqe, as<read_at_op>(op));
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&op) | for_operation;
    op.scratch[notes] = beyond_cancel;
    set(op, in_ring);
    return submitted::queued;
}

/// Before it is closed.
void uring_backend::forget_file(handle closed) noexcept {
    tables_.remove_file(closed.id);
    if (disks_ != nullptr) disks_->remove_file(closed.id);
}

/// In each ring's own table, under the same number.
int uring_backend::register_memory(std::span<std::byte> memory) noexcept {
    const int region = tables_.add_memory(memory);
    if (region < 0 || disks_ == nullptr) return region;
    if (const int r = disks_->tables().add_memory(memory); r < 0) {
        tables_.remove_memory(region);
        return r;
    }
    return region;
}

void uring_backend::unregister_memory(int region) noexcept {
    tables_.remove_memory(region);
    if (disks_ != nullptr) disks_->tables().remove_memory(region);
}

submitted uring_backend::submit_call(operation& op) noexcept {
    if (is_for_direct(op)) return submit_to_ring(op);  // no call reaches what has no number
    op.result = call(op, call_mode::no_wait);
    if (op.kind == op_kind::adopt && op.result >= 0 && ::isatty(op.result) == 1) terminals_.push_back(op.result);
    return submitted::completed;
}

// A terminal's write ignores that it must not wait (n_tty_write() heeds O_NONBLOCK only), so the kernel would put the
// whole loop to sleep in io_uring_enter() when the terminal takes no more.
bool uring_backend::writes_to_terminal(const operation& op) const noexcept {
    if (terminals_.empty() || op.kind != op_kind::write) return false;
    const std::int32_t fd = static_cast<const send_op&>(op).target.id;
    return std::find(terminals_.begin(), terminals_.end(), fd) != terminals_.end();
}

// Once for each time that it was adopted.
void uring_backend::forget_terminal(handle closed) noexcept {
    const auto found = std::find(terminals_.begin(), terminals_.end(), closed.id);
    if (found != terminals_.end()) terminals_.erase(found);
}

std::int32_t uring_backend::call_now(operation& op) noexcept {
    if (op.kind == op_kind::receive || op.kind == op_kind::read) {
        return receive_into_pool(as<receive_op>(op), buffers_, call_mode::no_wait);
    }
    if (op.kind == op_kind::connect && marked(op, started)) return connect_outcome(as<connect_op>(op).target);
    set(op, started);
    return call(op, call_mode::no_wait);
}

// Only kinds whose opcode is refused come here, and splice. A read waits first: the descriptor may be in blocking mode.
// So does what was begun: a connect that has not been told of an error may still be under way.
submitted uring_backend::submit_polled(operation& op) noexcept {
    if (op.kind != op_kind::read && !marked(op, started)) {
        op.result = call_now(op);
        if (op.result == -ENOBUFS && op.kind == op_kind::receive) {
            park(op);
            return submitted::queued;
        }
        if (op.result != -EAGAIN) return submitted::completed;
    }
    if (!wait_for_readiness(op)) resubmissions_.push_back(op);
    return submitted::queued;
}

bool uring_backend::wait_for_readiness(operation& op) noexcept {
    ::io_uring_sqe* const sqe = sqe_for(&op, for_poll);
    if (sqe == nullptr) {
        return false;
    }
    prepare_poll(*sqe, op, op.scratch[edges] != 0);
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&op) | for_poll;
    set(op, in_ring);
    set(op, polled);
    return true;
}

/// Whether the ring has handed an operation back that must wait: the kernel gives up sending on a full socket whose
/// peer has ended its side, and reading from a descriptor in non-blocking mode that can only be polled. It goes on as
/// if the opcode were refused.
bool uring_backend::must_poll(operation& op, std::int32_t outcome) noexcept {
    if ((outcome != -EAGAIN && outcome != -EINTR) || op.cancel_requested) return false;
    if (direct_table::is_direct(wait_handle(op).id)) return false;  // no call would reach it when it is ready
    if (marked(op, cancelling)) op.unlink();
    op.backend_flags = 0;
    if (!wait_for_readiness(op)) resubmissions_.push_back(op);
    return true;
}

/// The operation goes on: from the rest of a send, or after a wait for a buffer or for readiness.
void uring_backend::submit_again(operation& op) noexcept {
    op.backend_flags &= started;
    switch (dispatch(op)) {
        case submitted::queued: return;
        case submitted::completed: out_->finish(op, op.result); return;
        case submitted::busy: resubmissions_.push_back(op); return;
    }
}

// --- Waiting -----------------------------------------------------------------------------------------------

void uring_backend::arm_waker() noexcept {
    ::io_uring_sqe* const sqe = sqe_for(nullptr, for_waker);
    if (sqe == nullptr) return;  // next time
    // Multishot and never read: each write is a new event, and that is all a wake-up has to be.
    ::io_uring_prep_poll_multishot(sqe, waker_.fd(), POLLIN);
    sqe->user_data = for_waker;
    waker_armed_ = true;
}

void uring_backend::flush() noexcept {
    ring_->submit();
    if (disks_ != nullptr) disks_->submit();
}

void uring_backend::wait(time_point now, time_point deadline, completions& out) noexcept {
    out_ = &out;
    if (!waker_armed_) arm_waker();
    if (provided_.there()) provided_.restock();
    retry_cancels();
    retry_parked();
    offload_.collect(out);
    sleepers_.collect(out);

    const wait_time limit(now, deadline);
    const bool poll_only = limit.only_polls() || !out.empty() || ring_->has_completions() ||
                           std::exchange(found_no_entry_, false) || (disks_ != nullptr && disks_->under_way() != 0);
    ring_->wait(poll_only, limit.relative(), now);
    if (disks_ != nullptr) disks_->poll([this](const ::io_uring_cqe& cqe) noexcept { complete_on_disk(cqe); });
    ring_->reap([this](const ::io_uring_cqe& cqe) noexcept { complete(cqe); });
    for (int round = 0; round < most_overflow_rounds && ring_->overflowed(); ++round) {
        ++overflows_;
        ring_->enter(0, nullptr);
        ring_->reap([this](const ::io_uring_cqe& cqe) noexcept { complete(cqe); });
    }
    offload_.collect(out);
    sleepers_.collect(out);
}

}  // namespace penstock::detail
