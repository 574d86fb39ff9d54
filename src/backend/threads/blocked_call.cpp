#include "backend/threads/blocked_call.hpp"

#include "op/call.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace penstock::detail {
namespace {

std::int32_t or_errno(long returned) noexcept { return returned < 0 ? -errno : static_cast<std::int32_t>(returned); }

/// Sleeps until the descriptor is ready, in error, or a signal comes (-EINTR).
std::int32_t poll_for(handle waited_for, short events) noexcept {
    ::pollfd entry{.fd = waited_for.id, .events = events, .revents = 0};
    return or_errno(::poll(&entry, 1, -1));
}

std::int32_t poll_side(const operation& op) noexcept {
    return poll_for(wait_handle(op), waits_on(op) == wait_side::read ? POLLIN : POLLOUT);
}

/// Looks without taking, so that no buffer is needed until there is something to put into it.
std::int32_t peek(const receive_op& op) noexcept {
    std::byte first;
    return or_errno(::recv(op.source.id, &first, sizeof first, MSG_PEEK));
}

std::int32_t accept_one(blocked_call& work) noexcept {
    work.one_accept.listener = as<accept_op>(*work.op).listener;
    const std::int32_t r = call(work.one_accept, call_mode::blocking);
    if (r > 0) work.accepted = work.one_accept.accepted.pop();
    return r;
}

/// Polls before it calls: splice(2) sleeps on a blocking socket, but not on a non-blocking pipe beside it.
std::int32_t splice_when_ready(splice_op& op) noexcept {
    const std::int32_t r = poll_side(op);
    return r < 0 ? r : call(op, call_mode::blocking);
}

std::int32_t call_once(blocked_call& work) noexcept {
    operation& op = *work.op;
    switch (op.kind) {
        case op_kind::accept: return accept_one(work);
        case op_kind::receive: return peek(as<receive_op>(op));
        case op_kind::read:
            return call_receive(as<receive_op>(op), work.memory.data(), work.memory.size(), call_mode::blocking);
        case op_kind::splice: return splice_when_ready(as<splice_op>(op));
        case op_kind::connect:
        case op_kind::send:
        case op_kind::write:
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status: return call(op, call_mode::blocking);
        case op_kind::nop:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::close:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: break;  // never block, so they never get here
    }
    return -EOPNOTSUPP;
}

/// The rest of a connect on a non-blocking socket. Asking connect(2) again would only hear EALREADY.
std::int32_t finish_connect(const blocked_call& work) noexcept {
    std::int32_t r = -EINTR;
    while (r == -EINTR) {
        if (work.cancelled.load(std::memory_order_relaxed)) return -ECANCELED;
        r = poll_side(*work.op);
    }
    return r < 0 ? r : connect_outcome(as<connect_op>(*work.op).target);
}

/// A call that should have slept said EAGAIN: the descriptor was adopted in non-blocking mode, or is one of
/// our own pipes. Sleeps until it is worth another try. \return -EINTR to try again, else the operation's
/// outcome.
std::int32_t after_would_block(const blocked_call& work) noexcept {
    const operation& op = *work.op;
    if (op.kind == op_kind::connect) return finish_connect(work);
    std::int32_t r = 0;
    if (op.kind == op_kind::splice) {
        // Its waiting side was ready, so it is the other one after all; polling only the first would spin.
        const auto& splice = static_cast<const splice_op&>(op);
        r = splice.waits_for_source ? poll_for(splice.target, POLLOUT) : poll_for(splice.source, POLLIN);
    } else {
        r = poll_side(op);
    }
    return r < 0 ? r : -EINTR;
}

}  // namespace

void run(blocked_call& work) noexcept {
    const bool can_poll = waits_on(*work.op) != wait_side::file;
    // A signal that was meant for this thread's previous operation may end the first try, too.
    std::int32_t r = -EINTR;
    while (r == -EINTR) {
        if (work.cancelled.load(std::memory_order_relaxed)) {
            r = -ECANCELED;
        } else {
            r = call_once(work);
            if (r == -EAGAIN && can_poll) r = after_would_block(work);
        }
    }
    work.result = r;
}

}  // namespace penstock::detail
