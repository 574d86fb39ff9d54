#include "backend/io_uring/probe.hpp"

#include "backend/io_uring/zero_copy.hpp"
#include "op/call.hpp"

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

capability capability_of(op_kind kind, route way) noexcept {
    const bool waits_for_disk = fallback_route(kind) == route::pool;
    const auto cancels = waits_for_disk ? cancellation::at_completion : cancellation::prompt;
    switch (way) {
        case route::call:
            if (usually_waits_on(kind) == wait_side::time) {
                return {support::emulated, cancels, "the kernel refuses the opcode; by the loop's timers"};
            }
            [[fallthrough]];
        case route::ring: return {support::native, cancels, ""};
        case route::poll:
            if (plan(kind).best == route::poll) return {support::emulated, cancels, plan(kind).why};
            return {support::emulated, cancels, "the kernel refuses the opcode; polled, then called"};
        case route::sleep:
            return {support::offloaded, cancels, "the kernel refuses the opcode; each waits on a thread of its own"};
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

int attempt(ring& r, operation& op) noexcept {
    ::msghdr header{};
    prepare(*r.next_sqe(), op, header);
    return outcome_of(r);
}

int attempt_tick(ring& r) noexcept {
    tick_op op(duration(1));
    ::io_uring_sqe* const sqe = r.next_sqe();
    ::msghdr unused{};
    prepare(*sqe, op, unused);
    sqe->off = 1;  // so many times
    return outcome_of(r);
}

std::vector<std::uint8_t> forbidden_opcodes(const backend_options& options) {
    std::vector<std::uint8_t> forbidden;
    for (const op_kind kind : options.denied) {
        // Without polls there is no ring, whatever is denied to a program.
        if (plan(kind).opcode == IORING_OP_POLL_ADD) continue;
        if (plan(kind).opcode != no_opcode) forbidden.push_back(plan(kind).opcode);
    }
    return forbidden;
}

int probe(ring& r, route_table& routes, capability_table& capabilities) {
    if (const int missing = probe_essentials(r); missing != 0) return missing;
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const auto kind = static_cast<op_kind>(i);
        const kind_plan& known = plan(kind);
        const bool works = known.attempt == nullptr || !lacks_opcode(known.attempt(r));
        routes[i] = works ? known.best : fallback_route(kind);
        capabilities[kind] = capability_of(kind, routes[i]);
    }
    return 0;
}

std::vector<std::uint8_t> opcodes_in_use() {
    // What stands behind no kind, and the second forms of kinds.
    std::vector<std::uint8_t> used = {
        IORING_OP_POLL_ADD,    IORING_OP_ASYNC_CANCEL, IORING_OP_READ,        IORING_OP_READV,
        IORING_OP_READ_FIXED,  IORING_OP_WRITE,        IORING_OP_WRITEV,      IORING_OP_SENDMSG,
        opcode_send_zc,        opcode_sendmsg_zc,      opcode_read_multishot, IORING_OP_NOP,
        IORING_OP_WRITE_FIXED, IORING_OP_LINK_TIMEOUT, IORING_OP_OPENAT2,
    };
    for (std::size_t i = 0; i < op_kind_count; ++i) {
        const std::uint8_t opcode = plan(static_cast<op_kind>(i)).opcode;
        if (opcode != no_opcode) used.push_back(opcode);
    }
    return used;
}

bool can_send_without_copying(ring& r) noexcept {
    for (const std::uint8_t opcode : {opcode_send_zc, opcode_sendmsg_zc}) {
        char byte = 0;
        const io_slice slices[2] = {{&byte, 1}, {&byte, 1}};
        send_op op(handle{}, slices, opcode == opcode_send_zc ? 1 : 2);
        ::io_uring_sqe* const sqe = r.next_sqe();
        ::msghdr header{};
        prepare(*sqe, op, header);
        send_without_copying(*sqe);
        if (lacks_opcode(outcome_of(r))) return false;
    }
    return true;
}

bool can_use_registered_memory(ring& r) noexcept {
    for (const std::uint8_t opcode : {IORING_OP_READ_FIXED, IORING_OP_WRITE_FIXED}) {
        char byte = 0;
        ::io_uring_prep_rw(opcode, r.next_sqe(), -1, &byte, 1, 0);
        if (lacks_opcode(outcome_of(r))) return false;
    }
    return true;
}

bool can_limit_links(ring& r) noexcept {
    ::io_uring_sqe* const limited = r.next_sqe();
    ::io_uring_prep_nop(limited);
    limited->flags |= IOSQE_IO_LINK;
    ::__kernel_timespec limit{.tv_sec = 1, .tv_nsec = 0};
    ::io_uring_prep_link_timeout(r.next_sqe(), &limit, 0);
    bool known = true;
    unsigned left = 2;
    for (int i = 0; i < most_tries && left != 0; ++i) {
        const int entered = r.enter(1, nullptr);
        if (entered < 0 && !is_passing(entered)) return false;
        left -= r.reap([&](const ::io_uring_cqe& cqe) noexcept { known = known && !lacks_opcode(cqe.res); });
    }
    return known && left == 0;
}

bool can_limit_receives(ring& r) noexcept {
    receive_op op(handle{});
    ::io_uring_sqe* const sqe = r.next_sqe();
    ::msghdr unused{};
    prepare(*sqe, op, unused);
    limit_receive(*sqe, 1);
    return !lacks_opcode(outcome_of(r));
}

bool can_read_ahead(ring& r) noexcept {
    read_op op(handle{});
    ::io_uring_sqe* const sqe = r.next_sqe();
    ::msghdr unused{};
    prepare(*sqe, op, unused);
    read_ahead(*sqe);
    return !lacks_opcode(outcome_of(r));
}

}  // namespace penstock::detail
