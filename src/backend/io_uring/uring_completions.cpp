// What the ring's completions mean, and how operations pause, park and end.
#include "backend/io_uring/uring_backend.hpp"
#include "op/call.hpp"

#include <poll.h>

#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

/// This socket can't (a Unix one), or not so much memory may be pinned: then it is copied.
bool refuses_zero_copy(std::int32_t outcome) noexcept {
    return outcome == -EOPNOTSUPP || outcome == -ENOMEM || outcome == -ENOBUFS;
}

/// Whether a cancellation may have to be asked for again. With EALREADY the kernel makes end what is running, but not a
/// clock that is about to tick.
bool has_missed(std::int32_t outcome, bool of_ticks) noexcept {
    return outcome == -ENOENT || (outcome == -EALREADY && of_ticks);
}

}  // namespace

// --- Completing --------------------------------------------------------------------------------------------

void uring_backend::complete(const ::io_uring_cqe& cqe) noexcept {
    if (cqe.user_data == rung_by_another) return;  // the loop looks into its box with the next turn
    auto* const op = reinterpret_cast<operation*>(cqe.user_data & ~std::uint64_t{tag_mask});
    switch (static_cast<tag>(cqe.user_data & tag_mask)) {
        case for_operation: complete_operation(*op, cqe); return;
        case for_poll: complete_poll(*op, cqe); return;
        case for_waker: waker_armed_ = (cqe.flags & IORING_CQE_F_MORE) != 0; return;
        case for_cancel: cancels_missed_ |= has_missed(cqe.res, cqe.user_data == cancel_of_ticks); return;
        case for_linked: complete_linked(*op, cqe.res); return;
        case for_limit: complete_limit(*op, cqe.res); return;
        case for_unlinked: complete_linked(*op, -EAGAIN); return;
        case for_unlinked_limit: complete_limit(*op, -EAGAIN); return;
    }
}

void uring_backend::complete_operation(operation& op, const ::io_uring_cqe& cqe) noexcept {
    switch (op.kind) {
        case op_kind::receive:
        case op_kind::read: complete_receive(as<receive_op>(op), cqe); return;
        case op_kind::accept: complete_accept(as<accept_op>(op), cqe); return;
        case op_kind::send:
        case op_kind::write: complete_send(as<send_op>(op), cqe); return;
        case op_kind::send_message:
        case op_kind::receive_message: complete_message(op, cqe.res); return;
        case op_kind::open: complete_open(as<open_op>(op), cqe.res); return;
        case op_kind::close: complete_close(as<close_op>(op), cqe.res); return;
        case op_kind::tick: complete_repeated(as<tick_op>(op), cqe); return;
        case op_kind::poll:
            if (!as<poll_op>(op).many) break;
            complete_repeated(as<poll_op>(op), cqe);
            return;
        case op_kind::loop_message: complete_message(as<loop_message_op>(op), cqe.res); return;
        case op_kind::futex_wait: finish(op, cqe.res == -EAGAIN ? 0 : cqe.res); return;  // another value
        default: break;
    }
    finish(op, cqe.res);  // one entry, one result, nothing more to it
}

void uring_backend::complete_receive(receive_op& op, const ::io_uring_cqe& cqe) noexcept {
    // The buffer is in the flags, whatever the result says; a cancelled completion may have one.
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) {
        if (provided_.in_parts()) {
            deliver_part(op, cqe);
        } else if (bundles_) {
            deliver_bundle(op, cqe);
        } else {
            deliver(op, buffers_, provided_.of(cqe).taken(cqe.flags), cqe.res);
        }
    }
    const bool loses = (op.scratch[notes] & cut) != 0;
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) {
        if (!loses) out_->more(op);
        if (op.credit.exhausted() || loses) pause(op);
        return;
    }
    const bool paused = marked(op, pausing) && !op.cancel_requested;
    if (loses) {
        finish(op, -ENOBUFS);
    } else if (paused && (cqe.res == -ECANCELED || cqe.res == -ENOBUFS)) {
        finish(op, 1);
    } else if (cqe.res == -EBADFD && op.credit.reads_ahead) {
        op.credit.reads_ahead = false;  // a file, which is always ready: it is read as others are
        if (op.cancel_requested) {
            finish(op, -ECANCELED);
        } else {
            submit_again(op);
        }
    } else if (must_poll(op, cqe.res)) {
        return;
    } else if (cqe.res == -ENOBUFS && !op.cancel_requested) {
        clear(op, in_ring);
        park(op);
    } else {
        finish(op, cqe.res == -ENOBUFS ? -ECANCELED : cqe.res);
    }
}

/// Each time is noted for who takes it; if nobody does, it is stopped.
void uring_backend::complete_repeated(repeated_op& op, const ::io_uring_cqe& cqe) noexcept {
    const std::int32_t r = cqe.res == -ETIME ? 1 : cqe.res;
    if ((cqe.flags & IORING_CQE_F_MORE) != 0) {
        if (r > 0) op.note(r);
        out_->more(op);
        if (op.full()) pause(op);
        return;
    }
    const bool paused = marked(op, pausing) && !op.cancel_requested && r == -ECANCELED;
    finish(op, paused ? 0 : r);
}

void uring_backend::deliver_bundle(receive_op& op, const ::io_uring_cqe& cqe) noexcept {
    std::uint64_t buffers = 0;
    provided_.of(cqe).take_bundle(cqe, [&](std::uint16_t buffer, std::int32_t bytes) {
        deliver(op, buffers_, buffer, bytes);
        ++buffers;
    });
    bundled_buffers_ += buffers - 1;
}

/// A part that finds no room is lost, and so is all that comes after it: the stream fails.
void uring_backend::deliver_part(receive_op& op, const ::io_uring_cqe& cqe) noexcept {
    received_queue dropped;
    lease_credit nobodys;
    const bool loses = (op.scratch[notes] & cut) != 0;
    buffer_ring& from = provided_.of(cqe);
    const bool kept = loses ? from.take_part(cqe, dropped, nobodys) : from.take_part(cqe, op.received, op.credit);
    if (!kept) op.scratch[notes] |= cut;
    buffers_.discard(dropped);
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

void uring_backend::complete_send(send_op& op, const ::io_uring_cqe& cqe) noexcept {
    if (awaits_notification(op, cqe)) return;
    const std::int32_t outcome = (cqe.flags & IORING_CQE_F_NOTIF) != 0 ? op.result : cqe.res;
    const bool may_copy = zero_copy_.threshold() != SIZE_MAX && (op.scratch[notes] & copies) == 0;
    if (may_copy && refuses_zero_copy(outcome) && !op.cancel_requested) {
        op.scratch[notes] = copies;
        submit_again(op);
        return;
    }
    go_on_sending(op, outcome);
}

/// A send without copying has two completions: how much was taken, and that the memory is free. In between it can't be
/// cancelled any more, and the memory is still the kernel's.
bool uring_backend::awaits_notification(send_op& op, const ::io_uring_cqe& cqe) noexcept {
    if ((cqe.flags & IORING_CQE_F_NOTIF) != 0) {
        const auto usage = static_cast<std::uint32_t>(cqe.res);
        if (refuses_zero_copy(op.result)) {
            zero_copy_.refused();
        } else {
            zero_copy_.told(op.result < 0 || (usage & IORING_NOTIF_USAGE_ZC_COPIED) != 0);
        }
        op.scratch[notes] = 0;
        return false;
    }
    if ((cqe.flags & IORING_CQE_F_MORE) == 0) return false;
    op.result = cqe.res;
    op.scratch[notes] |= beyond_cancel;
    if (marked(op, cancelling)) {
        op.unlink();
        clear(op, cancelling);
    }
    if (op.cancel_requested) reset_connection(op);
    return true;
}

/// The bytes are in the socket, and the memory is the kernel's until the peer has acknowledged them: which one that
/// reads nothing never does. Only a connection that is gone gives it back, and with a send that was cut short it is
/// worth nothing any more.
void uring_backend::reset_connection(send_op& op) noexcept {
    op.result = -ECANCELED;
    disconnect(op.target);
}

void uring_backend::go_on_sending(send_op& op, std::int32_t outcome) noexcept {
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

void uring_backend::complete_message(operation& op, std::int32_t outcome) noexcept {
    if (must_poll(op, outcome)) return;
    // Some kernels of 5.x take no ancillary data from a ring (__sys_sendmsg_sock()), but a call may have it.
    if (outcome == -EINVAL && has_ancillary_data(op) && (op.scratch[notes] & by_call) == 0 && !op.cancel_requested) {
        op.scratch[notes] |= by_call;
        submit_again(op);
        return;
    }
    if (op.kind == op_kind::receive_message) {
        if (outcome >= 0) note_message(as<receive_message_op>(op));
    } else if (message_goes_on(as<send_message_op>(op), outcome)) {
        if (!op.cancel_requested) {
            submit_again(op);
            return;
        }
        outcome = -ECANCELED;
    }
    finish(op, outcome);
}

void uring_backend::complete_open(open_op& op, std::int32_t outcome) noexcept {
    if (outcome >= 0 && disks_ != nullptr && op.request.direct) disks_->add_file(outcome);
    if (outcome >= 0 && op.request.registered) {
        registered& tables = disks_ != nullptr && op.request.direct ? disks_->tables() : tables_;
        tables.add_file(outcome);  // without it everything works, only slower
    }
    finish(op, outcome);
}

void uring_backend::complete_on_disk(const ::io_uring_cqe& cqe) noexcept {
    auto& op = *reinterpret_cast<read_at_op*>(cqe.user_data & ~std::uint64_t{tag_mask});
    op.scratch[notes] = 0;
    if (cqe.res == -EOPNOTSUPP) leave_disks(op.target.id);
    const bool again = cqe.res == -EAGAIN || cqe.res == -EOPNOTSUPP;
    if (again && !op.cancel_requested) {
        submit_again(op);
        return;
    }
    disks_->note_polled();
    finish(op, again ? -ECANCELED : cqe.res);
}

/// The device has no queues to poll, or the file system no way to them.
void uring_backend::leave_disks(std::int32_t fd) noexcept {
    if (disks_->tables().has_file(fd)) tables_.add_file(fd);
    disks_->remove_file(fd);
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

// --- Pausing, parking, cancelling --------------------------------------------------------------------------

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
    parked_[as<receive_op>(op).credit.buffer_class].push_back(op);
}

void uring_backend::retry_parked() noexcept {
    list<operation> again;
    again.take_all(resubmissions_);
    while (operation* const op = again.pop_front()) submit_again(*op);
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        if (!parked_[c].empty()) retry_parked(parked_[c], provided_.stocked(c), buffers_.available(c));
    }
}

// No more than there are buffers where they look for one: the others would only come back.
void uring_backend::retry_parked(list<operation>& all, std::uint32_t ring_has, std::uint32_t pool_has) noexcept {
    for (operation* op = all.front(); op != nullptr && ring_has + pool_has != 0;) {
        operation* const following = all.next(*op);
        std::uint32_t& left = goes_by_ring(*op) ? ring_has : pool_has;
        if (left != 0) {
            --left;
            op->unlink();
            submit_again(*op);
        }
        op = following;
    }
}

void uring_backend::cancel(operation& op, completions& out) noexcept {
    if (op.cancel_requested) return;
    op.cancel_requested = true;
    if (marked(op, in_pool) && op.kind == op_kind::futex_wait) {
        sleepers_.cancel(op, out);
    } else if (marked(op, in_pool)) {
        offload_.cancel(op, out);
    } else if (marked(op, in_ring) && (op.scratch[notes] & beyond_cancel) != 0) {
        if (op.kind == op_kind::send) reset_connection(as<send_op>(op));
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
    const tag unpolled = (op.scratch[notes] & chained) != 0 ? for_linked : for_operation;
    const tag t = marked(op, polled) ? for_poll : unpolled;
    ::io_uring_prep_cancel64(sqe, reinterpret_cast<std::uintptr_t>(&op) | t, 0);
    sqe->user_data = op.kind == op_kind::tick ? cancel_of_ticks : std::uint64_t{for_cancel};
    return true;
}

/// The kernel does not find an operation which it is about to try again, nor a clock that is about to tick, so whatever
/// has not ended is asked again. A clock that is about to tick each time ends after most_ticks_per_entry.
void uring_backend::retry_cancels() noexcept {
    if (!std::exchange(cancels_missed_, false)) return;
    for (operation* op = cancelling_.front(); op != nullptr && !cancels_missed_; op = cancelling_.next(*op)) {
        cancels_missed_ = !submit_cancel(*op);
    }
}

}  // namespace penstock::detail
