#include "backend/io_uring/uring_backend.hpp"

#include "backend/io_uring/io_uring.hpp"
#include "base/setup.hpp"
#include "base/wait_time.hpp"
#include "op/call.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

// What the plain call does at once. A Unix socket connects or is refused: it never waits but for a full backlog, where
// the kernel would put a thread to sleep for it.
bool needs_no_entry(operation& op) noexcept {
    return (op.kind == op_kind::close && as<close_op>(op).forget_only) ||
           (op.kind == op_kind::accept && as<accept_op>(op).only_pending) ||
           (op.kind == op_kind::splice && as<splice_op>(op).only_pending) ||
           (op.kind == op_kind::connect && as<connect_op>(op).address.family() == address_family::unix_path);
}

// What follows is a call of its own (splice(2)), which an entry that waits for the next enter would come after.
bool precedes_a_call(operation& op) noexcept { return op.kind == op_kind::send && as<send_op>(op).more_follows; }

// Cancelling a receive that has used up its credit takes effect with the next turn only; by then the kernel may have
// filled a hundred buffers. So it is told when to end.
std::uint32_t bytes_within_credit(const lease_credit& credit, std::uint32_t buffer_size) noexcept {
    const std::uint64_t buffers = credit.exhausted() || credit.one_at_a_time ? 1 : credit.limit - credit.held;
    return static_cast<std::uint32_t>(std::min<std::uint64_t>(buffers * buffer_size, 0x7fff'ffff));
}

// Overflowed completions come back in portions as large as the completion queue; this many are taken per wait.
constexpr int most_overflow_rounds = 64;

}  // namespace

// --- Setting up and tearing down --------------------------------------------------------------------------------

std::expected<std::unique_ptr<backend>, setup_error> create_io_uring(const backend_environment& environment) {
    auto wake = waker::create();
    if (!wake) return std::unexpected(std::move(wake.error()));
    auto made = std::make_unique<uring_backend>(environment, std::move(*wake));
    if (auto ready = made->set_up(); !ready) return std::unexpected(std::move(ready.error()));
    return made;
}

uring_backend::uring_backend(const backend_environment& environment, waker wake)
    : buffers_(environment.buffers),
      provided_(environment.buffers),
      options_(environment.options),
      waker_(std::move(wake)),
      offload_(environment.workers, environment.buffers, *this, environment.options.queue_entries) {}

std::expected<void, setup_error> uring_backend::set_up() {
    if (auto made = ring_->set_up(options_.queue_entries, options_.completion_entries, forbidden_opcodes(options_));
        !made) {
        return made;
    }
    headers_ = std::make_unique<::msghdr[]>(ring_->entries());
    const int no_buffer_ring = provided_.set_up(ring_->raw());
    if (const int r = probe(*ring_, routes_, capabilities_); r != 0) {
        return std::unexpected(setup_failure("io_uring: polling or cancelling is refused", -r));
    }
    limits_receives_ = can_limit_receives(*ring_);
    if (no_buffer_ring != 0) {
        for (const op_kind kind : {op_kind::receive, op_kind::read}) {
            routes_[static_cast<std::size_t>(kind)] = fallback_route(kind);
            capabilities_[kind] = {support::emulated, cancellation::prompt, "this kernel has no provided-buffer rings"};
        }
    }
    return {};
}

uring_backend::~uring_backend() {
    ring_.reset();  // from here on the kernel fills no buffer
    provided_.take_back();
}

backend_statistics uring_backend::statistics() const noexcept {
    return {
        .enters = ring_->enters(), .parked = parked_count_, .overflows = overflows_, .offloaded = offload_.under_way()};
}

// --- Submitting -------------------------------------------------------------------------------------------------

submitted uring_backend::submit(operation& op) noexcept {
    op.backend_flags = 0;
    op.scratch[edges] = 0;
    if (op.kind == op_kind::close) forget_terminal(as<close_op>(op).target);
    return dispatch(op);
}

submitted uring_backend::dispatch(operation& op) noexcept {
    if (needs_no_entry(op)) return submit_call(op);
    if (writes_to_terminal(op) || precedes_a_call(op)) return submit_polled(op);
    switch (routes_[static_cast<std::size_t>(op.kind)]) {
        case route::ring: return submit_to_ring(op);
        case route::call: return submit_call(op);
        case route::poll: return submit_polled(op);
        case route::pool: {
            const submitted answer = offload_.submit(op);
            if (answer == submitted::queued) set(op, in_pool);
            return answer;
        }
    }
    return submitted::busy;
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
    ::io_uring_sqe* const sqe = sqe_for(&op, for_operation);
    if (sqe == nullptr) {
        return submitted::busy;
    }
    prepare(*sqe, op, headers_[ring_->index_of(sqe)]);
    if (op.kind == op_kind::receive) {
        if (limits_receives_) {
            limit_receive(*sqe, bytes_within_credit(as<receive_op>(op).credit, buffers_.buffer_size()));
        } else {
            receive_once(*sqe);
        }
    }
    sqe->user_data = reinterpret_cast<std::uintptr_t>(&op) | for_operation;
    set(op, in_ring);
    return submitted::queued;
}

submitted uring_backend::submit_call(operation& op) noexcept {
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

// --- Waiting ----------------------------------------------------------------------------------------------------

void uring_backend::arm_waker() noexcept {
    ::io_uring_sqe* const sqe = sqe_for(nullptr, for_waker);
    if (sqe == nullptr) return;  // next time
    // Multishot and never read: each write is a new event, and that is all a wake-up has to be.
    ::io_uring_prep_poll_multishot(sqe, waker_.fd(), POLLIN);
    sqe->user_data = for_waker;
    waker_armed_ = true;
}

void uring_backend::wait(time_point now, time_point deadline, completions& out) noexcept {
    out_ = &out;
    if (!waker_armed_) arm_waker();
    if (provided_.there()) provided_.restock();
    retry_cancels();
    retry_parked();
    offload_.collect(out);

    const wait_time limit(now, deadline);
    const bool poll_only =
        limit.only_polls() || !out.empty() || ring_->has_completions() || std::exchange(found_no_entry_, false);
    if (!poll_only || ring_->has_submissions() || ring_->must_enter())
        ring_->enter(poll_only ? 0 : 1, limit.relative());
    ring_->reap([this](const ::io_uring_cqe& cqe) noexcept { complete(cqe); });
    for (int round = 0; round < most_overflow_rounds && ring_->overflowed(); ++round) {
        ++overflows_;
        ring_->enter(0, nullptr);
        ring_->reap([this](const ::io_uring_cqe& cqe) noexcept { complete(cqe); });
    }
    offload_.collect(out);
}

// --- Completing -------------------------------------------------------------------------------------------------

void uring_backend::complete(const ::io_uring_cqe& cqe) noexcept {
    auto* const op = reinterpret_cast<operation*>(cqe.user_data & ~std::uint64_t{tag_mask});
    switch (static_cast<tag>(cqe.user_data & tag_mask)) {
        case for_operation: complete_operation(*op, cqe); return;
        case for_poll: complete_poll(*op, cqe); return;
        case for_waker: waker_armed_ = (cqe.flags & IORING_CQE_F_MORE) != 0; return;
        case for_cancel: cancels_missed_ |= cqe.res == -ENOENT; return;
        case tag_mask: return;
    }
}

void uring_backend::complete_operation(operation& op, const ::io_uring_cqe& cqe) noexcept {
    switch (op.kind) {
        case op_kind::receive:
        case op_kind::read: complete_receive(as<receive_op>(op), cqe); return;
        case op_kind::accept: complete_accept(as<accept_op>(op), cqe); return;
        case op_kind::send:
        case op_kind::write: complete_send(as<send_op>(op), cqe.res); return;
        default: finish(op, cqe.res); return;  // one entry, one result, nothing more to it
    }
}

void uring_backend::complete_receive(receive_op& op, const ::io_uring_cqe& cqe) noexcept {
    // The buffer is in the flags, whatever the result says; a cancelled completion may have one.
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) deliver(op, buffers_, provided_.taken(cqe.flags), cqe.res);
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) {
        out_->more(op);
        if (op.credit.exhausted()) pause(op);
        return;
    }
    const bool paused = marked(op, pausing) && !op.cancel_requested;
    if (paused && (cqe.res == -ECANCELED || cqe.res == -ENOBUFS)) {
        finish(op, 1);
    } else if (must_poll(op, cqe.res)) {
        return;
    } else if (cqe.res == -ENOBUFS && !op.cancel_requested) {
        clear(op, in_ring);
        park(op);
    } else {
        finish(op, cqe.res == -ENOBUFS ? -ECANCELED : cqe.res);
    }
}

void uring_backend::complete_accept(accept_op& op, const ::io_uring_cqe& cqe) noexcept {
    if (cqe.res >= 0) op.accepted.push({cqe.res});
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) {
        out_->more(op);
        if (op.accepted.full()) pause(op);
        return;
    }
    const bool paused = marked(op, pausing) && !op.cancel_requested && cqe.res == -ECANCELED;
    if (must_poll(op, cqe.res)) return;
    finish(op, paused || cqe.res >= 0 ? 1 : cqe.res);
}

void uring_backend::complete_send(send_op& op, std::int32_t outcome) noexcept {
    if (must_poll(op, outcome)) return;
    if (outcome >= 0 && !advance(op, static_cast<std::size_t>(outcome))) {
        if (op.cancel_requested) {
            finish(op, -ECANCELED);
            return;
        }
        submit_again(op);
        return;
    }
    finish(op, outcome < 0 ? outcome : 0);
}

void uring_backend::complete_poll(operation& op, const ::io_uring_cqe& cqe) noexcept {
    const bool goes_on = (cqe.flags & IORING_CQE_F_MORE) != 0;  // of edges only
    if (!goes_on) {
        clear(op, in_ring);
        clear(op, polled);
    }
    if (marked(op, settled)) {
        if (!goes_on) finish(op, op.result);
        return;
    }
    if (cqe.res < 0 || op.cancel_requested) {
        if (!goes_on) finish(op, cqe.res < 0 ? cqe.res : -ECANCELED);
        return;
    }
    const std::int32_t r = call_now(op);
    if (r == -EAGAIN) {
        if (goes_on) return;
        op.scratch[edges] = waits_on(op) == wait_side::write && (cqe.res & POLLOUT) == 0;
        if (!wait_for_readiness(op)) resubmissions_.push_back(op);
    } else if (r == -ENOBUFS && (op.kind == op_kind::receive || op.kind == op_kind::read)) {
        park(op);
    } else if (goes_on) {
        op.result = r;  // told when the poll has ended
        set(op, settled);
        request_cancel(op);
    } else {
        finish(op, r);
    }
}

void uring_backend::finish(operation& op, std::int32_t outcome) noexcept {
    if (marked(op, cancelling)) op.unlink();
    // A signal of the kernel's worker, or an interrupted wait, is how some cancellations end.
    if (op.cancel_requested && (outcome == -EINTR || outcome == -EAGAIN)) outcome = -ECANCELED;
    out_->finish(op, outcome);
}

// --- Pausing, parking, cancelling -------------------------------------------------------------------------------

/// The reader has enough for now: the multishot ends, and whoever wants more submits again.
void uring_backend::pause(operation& op) noexcept {
    if (marked(op, pausing)) return;
    set(op, pausing);
    request_cancel(op);
}

void uring_backend::park(operation& op) noexcept {
    if (marked(op, cancelling)) op.unlink();
    op.backend_flags = parked;
    ++parked_count_;
    parked_.push_back(op);
}

void uring_backend::retry_parked() noexcept {
    list<operation> again;
    again.take_all(resubmissions_);
    while (operation* const op = again.pop_front()) submit_again(*op);
    // No more than there are buffers: the others would only come back.
    for (std::uint32_t left = provided_.stocked() + buffers_.available(); left != 0; --left) {
        operation* const op = parked_.pop_front();
        if (op == nullptr) return;
        submit_again(*op);
    }
}

void uring_backend::cancel(operation& op, completions& out) noexcept {
    if (op.cancel_requested) return;
    op.cancel_requested = true;
    if (marked(op, in_pool)) {
        offload_.cancel(op, out);
    } else if (marked(op, in_ring)) {
        request_cancel(op);
    } else {
        op.unlink();  // parked, or waiting for an entry: the kernel knows nothing of it
        out.finish(op, -ECANCELED);
    }
}

void uring_backend::request_cancel(operation& op) noexcept {
    if (!marked(op, cancelling)) {
        set(op, cancelling);
        cancelling_.push_back(op);
    }
    if (!submit_cancel(op)) cancels_missed_ = true;
}

bool uring_backend::submit_cancel(const operation& op) noexcept {
    ::io_uring_sqe* const sqe = sqe_for(nullptr, for_cancel);
    if (sqe == nullptr) return false;
    const tag t = marked(op, polled) ? for_poll : for_operation;
    ::io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(&op) | t, 0);
    sqe->user_data = for_cancel;
    return true;
}

/// The kernel does not find an operation which it is about to try again, so whatever has not ended is asked again.
void uring_backend::retry_cancels() noexcept {
    if (!std::exchange(cancels_missed_, false)) return;
    for (operation* op = cancelling_.front(); op != nullptr && !cancels_missed_; op = cancelling_.next(*op)) {
        cancels_missed_ = !submit_cancel(*op);
    }
}

}  // namespace penstock::detail
