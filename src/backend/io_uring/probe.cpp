#include "backend/io_uring/probe.hpp"

#include <fcntl.h>
#include <poll.h>

#include <cerrno>

namespace penstock::detail {
namespace {

// How often it is entered until there is an answer. The kernel may have no memory for a request just now, or a signal
// may come; an entry that is left behind would be answered later, as if it were an operation's.
constexpr int most_tries = 1000;

bool is_passing(int error) noexcept { return error == -EINTR || error == -EAGAIN || error == -EBUSY; }

int outcome_of(ring& r) noexcept {
    int entered = 0;
    for (int i = 0; i < most_tries && !r.has_completions(); ++i) {
        entered = r.enter(1, nullptr);
        if (entered < 0 && !is_passing(entered)) return entered;
    }
    int result = entered < 0 ? entered : -EINVAL;
    r.reap([&](const ::io_uring_cqe& cqe) noexcept { result = cqe.res; });
    return result;
}

bool refused(int outcome) noexcept { return outcome == -EINVAL || outcome == -EACCES || outcome == -EOPNOTSUPP; }

/// Submits an operation on a handle that does not exist.
template <class Op>
int attempt(ring& r, Op&& op) noexcept {
    ::io_uring_sqe* const sqe = r.next_sqe();
    ::msghdr header{};
    prepare(*sqe, op, header);
    return outcome_of(r);
}

int attempt_open(ring& r) noexcept {
    ::io_uring_prep_openat(r.next_sqe(), -1, "nowhere", O_RDONLY | O_CLOEXEC, 0);
    return outcome_of(r);
}

int attempt_kind(ring& r, op_kind kind) noexcept {
    constexpr handle nothing{};
    char byte = 0;
    const io_slice slices[2] = {{&byte, 1}, {&byte, 1}};
    switch (kind) {
        case op_kind::nop: return attempt(r, nop_op());
        case op_kind::accept: return attempt(r, accept_op(nothing, 1));
        case op_kind::connect: return attempt(r, connect_op(nothing, endpoint::loopback(1)));
        case op_kind::receive: return attempt(r, receive_op(nothing));
        case op_kind::read: return attempt(r, read_op(nothing));
        case op_kind::send: {
            const int one = attempt(r, send_op(nothing, slices, 1));
            return refused(one) ? one : attempt(r, send_op(nothing, slices, 2));
        }
        case op_kind::write: {
            const int one = attempt(r, write_op(nothing, slices, 1));
            return refused(one) ? one : attempt(r, write_op(nothing, slices, 2));
        }
        case op_kind::read_at: {
            const int one = attempt(r, read_at_op(nothing, slices, 1, 0));
            return refused(one) ? one : attempt(r, read_at_op(nothing, slices, 2, 0));
        }
        case op_kind::write_at: {
            const int one = attempt(r, write_at_op(nothing, slices, 1, 0));
            return refused(one) ? one : attempt(r, write_at_op(nothing, slices, 2, 0));
        }
        case op_kind::sync: return attempt(r, sync_op(nothing, true));
        case op_kind::status: return attempt(r, status_op(nothing));
        case op_kind::open: return attempt_open(r);
        case op_kind::close: return attempt(r, close_op(nothing));
        case op_kind::splice:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: return 0;
    }
    return 0;
}

capability capability_of(op_kind kind, route way) noexcept {
    const bool waits_for_disk = fallback_route(kind) == route::pool;
    const auto cancels = waits_for_disk ? cancellation::at_completion : cancellation::prompt;
    switch (way) {
        case route::ring:
        case route::call: return {support::native, cancels, ""};
        case route::poll:
            if (kind == op_kind::splice) {
                return {support::emulated, cancels,
                        "splice(2) when polled ready; the opcode would use a kernel thread"};
            }
            return {support::emulated, cancels, "the kernel refuses the opcode; polled, then called"};
        case route::pool: return {support::offloaded, cancels, "the kernel refuses the opcode; on the worker pool"};
    }
    return {};
}

// Without these there is no backend, so only the expected answer will do. A policy that allows io_uring_setup but not
// io_uring_enter is found here, too.
int probe_essentials(ring& r) noexcept {
    ::io_uring_prep_poll_add(r.next_sqe(), -1, POLLIN);
    const int poll = outcome_of(r);
    if (poll != -EBADF) return poll;
    ::io_uring_prep_cancel64(r.next_sqe(), 1, 0);
    const int cancel = outcome_of(r);
    return cancel == -ENOENT ? 0 : cancel;
}

}  // namespace

std::vector<std::uint8_t> forbidden_opcodes(const backend_options& options) {
    std::vector<std::uint8_t> forbidden;
    for (const op_kind kind : options.denied) {
        if (opcode_of(kind) != IORING_OP_LAST) forbidden.push_back(opcode_of(kind));
    }
    return forbidden;
}

int probe(ring& r, route_table& routes, capability_table& capabilities) {
    if (const int missing = probe_essentials(r); missing != 0) return missing;
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        const bool works = best_route(kind) != route::ring || !refused(attempt_kind(r, kind));
        routes[i] = works ? best_route(kind) : fallback_route(kind);
        capabilities[kind] = capability_of(kind, routes[i]);
    }
    return 0;
}

bool can_limit_receives(ring& r) noexcept {
    receive_op op(handle{});
    ::io_uring_sqe* const sqe = r.next_sqe();
    ::msghdr unused{};
    prepare(*sqe, op, unused);
    limit_receive(*sqe, 1);
    return !refused(outcome_of(r));
}

}  // namespace penstock::detail
