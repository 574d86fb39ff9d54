#include "backend/threads/kinds.hpp"

#include "op/call.hpp"
#include "op/outcome.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

namespace penstock::detail {

std::int32_t poll_for(handle waited_for, short events) noexcept {
    ::pollfd entry{.fd = waited_for.id, .events = events, .revents = 0};
    return outcome(::poll(&entry, 1, -1));
}

std::int32_t poll_side(const operation& op) noexcept {
    return poll_for(wait_handle(op), waits_on(op) == wait_side::read ? POLLIN : POLLOUT);
}

namespace {

/// Looks without taking, so that no buffer is needed until there is something to put into it.
std::int32_t peek(blocked_call& work) noexcept {
    std::byte first;
    return outcome(::recv(as<receive_op>(*work.op).source.id, &first, sizeof first, MSG_PEEK));
}

std::int32_t accept_one(blocked_call& work) noexcept {
    work.one_accept.listener = as<accept_op>(*work.op).listener;
    const std::int32_t r = call(work.one_accept, call_mode::blocking);
    if (r > 0) work.accepted = work.one_accept.accepted.pop();
    return r;
}

/// Polls before it calls: splice(2) sleeps on a blocking socket, but not on a non-blocking pipe beside it.
std::int32_t splice_when_ready(blocked_call& work) noexcept {
    const std::int32_t r = poll_side(*work.op);
    return r < 0 ? r : call(*work.op, call_mode::blocking);
}

std::int32_t read_into_memory(blocked_call& work) noexcept {
    return call_receive(as<receive_op>(*work.op), work.memory.data(), work.memory.size(), call_mode::blocking);
}

std::int32_t plainly(blocked_call& work) noexcept { return call(*work.op, call_mode::blocking); }

}  // namespace

thread_way way_of(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::accept: return {share::wait, accept_one};
        case op_kind::connect:
        case op_kind::futex_wait:
        case op_kind::receive_message:
        case op_kind::poll: return {share::wait, plainly};
        case op_kind::receive: return {share::wait, peek, true};
        case op_kind::read: return {share::wait, read_into_memory};
        case op_kind::splice: return {share::wait, splice_when_ready, true};
        case op_kind::send:
        case op_kind::send_message:
        case op_kind::write: return {share::send, plainly};
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status:
        case op_kind::truncate:
        case op_kind::allocate:
        case op_kind::sync_range:
        case op_kind::advise:
        case op_kind::advise_memory:
        case op_kind::rename:
        case op_kind::unlink:
        case op_kind::make_directory:
        case op_kind::symlink:
        case op_kind::link: return {share::file, plainly};
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
        case op_kind::signals:
        case op_kind::tee:
        case op_kind::install:
        case op_kind::futex_wake:
        case op_kind::loop_message:
        case op_kind::tick: return {};
    }
    return {};
}

}  // namespace penstock::detail
