#include "backend/io_uring/prepare.hpp"

#include "backend/io_uring/buffer_ring.hpp"
#include "op/call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstddef>

namespace penstock::detail {
namespace {

// An entry's length has 32 bits, and a call transfers no more than this anyway; the rest is asked for again.
constexpr std::size_t most_at_once = 0x7fff'f000;

unsigned length_of(std::size_t size) noexcept { return static_cast<unsigned>(std::min(size, most_at_once)); }

void prepare_accept(::io_uring_sqe& sqe, const accept_op& op) noexcept {
    ::io_uring_prep_accept(&sqe, op.listener.id, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    sqe.ioprio |= IORING_ACCEPT_MULTISHOT;
}

void prepare_receive(::io_uring_sqe& sqe, const receive_op& op) noexcept {
    ::io_uring_prep_recv(&sqe, op.source.id, nullptr, 0, 0);
    sqe.ioprio |= IORING_RECV_MULTISHOT;
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = buffer_ring::group;
}

void prepare_read(::io_uring_sqe& sqe, const receive_op& op) noexcept {
    ::io_uring_prep_read(&sqe, op.source.id, nullptr, 0, static_cast<__u64>(-1));
    sqe.flags |= IOSQE_BUFFER_SELECT;
    sqe.buf_group = buffer_ring::group;
}

// MSG_WAITALL makes the kernel go on after a short send by itself. Where it does not, the rest is submitted again,
// one slice at a time since the copied slices of remaining() would not live long enough.
void prepare_send(::io_uring_sqe& sqe, const send_op& op, ::msghdr& header) noexcept {
    const io_slice& first = op.slices[op.first];
    if (op.skip != 0 || op.first + 1 == op.count) {
        ::io_uring_prep_send(&sqe, op.target.id, static_cast<const std::byte*>(first.data) + op.skip,
                             length_of(first.size - op.skip), MSG_NOSIGNAL | MSG_WAITALL);
        return;
    }
    ::iovec unused[most_copied_slices];
    const slice_view left = remaining(op, unused);  // nothing of the first slice is done, so these are the caller's
    header = {};
    header.msg_iov = const_cast<::iovec*>(left.data);
    header.msg_iovlen = left.count;
    ::io_uring_prep_sendmsg(&sqe, op.target.id, &header, MSG_NOSIGNAL | MSG_WAITALL);
}

void prepare_write(::io_uring_sqe& sqe, const send_op& op) noexcept {
    constexpr auto own_position = static_cast<__u64>(-1);
    const io_slice& first = op.slices[op.first];
    if (op.skip != 0 || op.first + 1 == op.count) {
        ::io_uring_prep_write(&sqe, op.target.id, static_cast<const std::byte*>(first.data) + op.skip,
                              length_of(first.size - op.skip), own_position);
        return;
    }
    ::iovec unused[most_copied_slices];
    const slice_view left = remaining(op, unused);
    ::io_uring_prep_writev(&sqe, op.target.id, left.data, left.count, own_position);
}

void prepare_read_at(::io_uring_sqe& sqe, const read_at_op& op) noexcept {
    if (op.count == 1) {
        ::io_uring_prep_read(&sqe, op.target.id, op.slices->data, length_of(op.slices->size), op.offset);
    } else {
        ::io_uring_prep_readv(&sqe, op.target.id, as_iovec(op.slices), at_most_iov_max(op.count), op.offset);
    }
}

void prepare_write_at(::io_uring_sqe& sqe, const read_at_op& op) noexcept {
    if (op.count == 1) {
        ::io_uring_prep_write(&sqe, op.target.id, op.slices->data, length_of(op.slices->size), op.offset);
    } else {
        ::io_uring_prep_writev(&sqe, op.target.id, as_iovec(op.slices), at_most_iov_max(op.count), op.offset);
    }
}

void prepare_connect(::io_uring_sqe& sqe, const connect_op& op) noexcept {
    ::io_uring_prep_connect(&sqe, op.target.id, reinterpret_cast<const ::sockaddr*>(op.address.raw()),
                            op.address.raw_size());
}

void prepare_status(::io_uring_sqe& sqe, status_op& op) noexcept {
    ::io_uring_prep_statx(&sqe, op.target.id, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME,
                          reinterpret_cast<struct ::statx*>(op.raw.data()));
}

}  // namespace

route best_route(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::nop:
        case op_kind::accept:
        case op_kind::connect:
        case op_kind::receive:
        case op_kind::send:
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status:
        case op_kind::read:
        case op_kind::write:
        case op_kind::close: return route::ring;
        case op_kind::splice: return route::poll;
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: return route::call;
    }
    return route::call;
}

route fallback_route(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::accept:
        case op_kind::connect:
        case op_kind::receive:
        case op_kind::send:
        case op_kind::read:
        case op_kind::write:
        case op_kind::splice: return route::poll;
        case op_kind::open:
        case op_kind::read_at:
        case op_kind::write_at:
        case op_kind::sync:
        case op_kind::status: return route::pool;
        case op_kind::nop:
        case op_kind::close:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: return route::call;
    }
    return route::call;
}

std::uint8_t opcode_of(op_kind kind) noexcept {
    switch (kind) {
        case op_kind::nop: return IORING_OP_NOP;
        case op_kind::accept: return IORING_OP_ACCEPT;
        case op_kind::connect: return IORING_OP_CONNECT;
        case op_kind::receive: return IORING_OP_RECV;
        case op_kind::send: return IORING_OP_SEND;
        case op_kind::open: return IORING_OP_OPENAT;
        case op_kind::read_at: return IORING_OP_READV;
        case op_kind::write_at: return IORING_OP_WRITEV;
        case op_kind::sync: return IORING_OP_FSYNC;
        case op_kind::status: return IORING_OP_STATX;
        case op_kind::read: return IORING_OP_READ;
        case op_kind::write: return IORING_OP_WRITE;
        case op_kind::close: return IORING_OP_CLOSE;
        case op_kind::splice:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: return IORING_OP_LAST;
    }
    return IORING_OP_LAST;
}

void prepare(::io_uring_sqe& sqe, operation& op, ::msghdr& header) noexcept {
    switch (op.kind) {
        case op_kind::accept: prepare_accept(sqe, as<accept_op>(op)); return;
        case op_kind::connect: prepare_connect(sqe, as<connect_op>(op)); return;
        case op_kind::receive: prepare_receive(sqe, as<receive_op>(op)); return;
        case op_kind::read: prepare_read(sqe, as<receive_op>(op)); return;
        case op_kind::send: prepare_send(sqe, as<send_op>(op), header); return;
        case op_kind::write: prepare_write(sqe, as<send_op>(op)); return;
        case op_kind::read_at: prepare_read_at(sqe, as<read_at_op>(op)); return;
        case op_kind::write_at: prepare_write_at(sqe, as<read_at_op>(op)); return;
        case op_kind::status: prepare_status(sqe, as<status_op>(op)); return;
        case op_kind::open: {
            const auto& open = as<open_op>(op);
            ::io_uring_prep_openat(&sqe, AT_FDCWD, open.path, open_flags(open.request), open.request.mode);
            return;
        }
        case op_kind::sync:
            ::io_uring_prep_fsync(&sqe, as<sync_op>(op).target.id,
                                  as<sync_op>(op).data_only ? IORING_FSYNC_DATASYNC : 0U);
            return;
        case op_kind::close: ::io_uring_prep_close(&sqe, as<close_op>(op).target.id); return;
        case op_kind::nop:
        case op_kind::splice:
        case op_kind::socket:
        case op_kind::bind:
        case op_kind::listen:
        case op_kind::shutdown:
        case op_kind::name:
        case op_kind::option:
        case op_kind::adopt:
        case op_kind::pipe:
        case op_kind::signals: ::io_uring_prep_nop(&sqe); return;
    }
}

void prepare_poll(::io_uring_sqe& sqe, const operation& op, bool edges) noexcept {
    const bool reads = waits_on(op) == wait_side::read;
    ::io_uring_prep_poll_add(&sqe, wait_handle(op).id, static_cast<unsigned>(reads ? POLLIN | POLLRDHUP : POLLOUT));
    if (edges) sqe.len |= IORING_POLL_ADD_MULTI;
}

}  // namespace penstock::detail
