#include "backend/threads/blocked_call.hpp"

#include "backend/threads/kinds.hpp"
#include "op/call.hpp"

#include <poll.h>

#include <cerrno>

namespace penstock::detail {
namespace {

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
            r = way_of(work.op->kind).call(work);
            if (r == -EAGAIN && can_poll) r = after_would_block(work);
        }
    }
    work.result = r;
}

}  // namespace penstock::detail
