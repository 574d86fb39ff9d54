// Moving bytes: receive and read, send and write, splice, tee.
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>

namespace penstock::detail {
namespace {

static_assert(sizeof(io_slice) == sizeof(::iovec) && offsetof(io_slice, data) == offsetof(::iovec, iov_base) &&
                  offsetof(io_slice, size) == offsetof(::iovec, iov_len),
              "io_slice must be an iovec");

// An adopted descriptor may be in blocking mode and shared, so its flags stay as they are and each call asks
// not to wait. Terminals, named pipes and some devices do not know RWF_NOWAIT; they are asked whether they
// are ready, and then a plain call does not sleep.
bool refuses_nowait(std::int32_t r) noexcept { return r == -EOPNOTSUPP || r == -ESPIPE || r == -EINVAL; }

bool is_ready(int fd, short events) noexcept {
    ::pollfd ready{.fd = fd, .events = events, .revents = 0};
    std::int32_t r = -EINTR;
    while (r == -EINTR) r = outcome(::poll(&ready, 1, 0));  // or the call that follows would sleep
    return r != 0;                                          // an error is for the call that follows to name
}

std::int32_t read_without_waiting(int fd, void* memory, std::size_t size) noexcept {
    const ::iovec slice{memory, size};
    const std::int32_t r = outcome(::preadv2(fd, &slice, 1, -1, RWF_NOWAIT));
    if (!refuses_nowait(r)) return r;
    return is_ready(fd, POLLIN) ? outcome(::read(fd, memory, size)) : -EAGAIN;
}

// How much of a slice fits where poll says "writable"; writing more could put the loop to sleep. A terminal
// has room for one piece of output only: a run of text, or a single control character, which may become
// several (\r\n).
std::size_t sure_to_fit(int fd, const ::iovec& slice) noexcept {
    if (::isatty(fd) != 1) return std::min<std::size_t>(slice.iov_len, PIPE_BUF);
    const auto* const begin = static_cast<const unsigned char*>(slice.iov_base);
    const auto* const end = begin + std::min<std::size_t>(slice.iov_len, 256);
    const auto run = std::find_if(begin, end, [](unsigned char c) { return c < ' '; }) - begin;
    return std::min<std::size_t>(slice.iov_len, std::max<std::ptrdiff_t>(run, 1));
}

std::int32_t write_without_waiting(int fd, slice_view slices) noexcept {
    const std::int32_t r = outcome(::pwritev2(fd, slices.data, static_cast<int>(slices.count), -1, RWF_NOWAIT));
    if (!refuses_nowait(r)) return r;
    if (!is_ready(fd, POLLOUT)) return -EAGAIN;
    return outcome(::write(fd, slices.data->iov_base, sure_to_fit(fd, *slices.data)));
}

std::int32_t write_once(const send_op& op, call_mode mode) noexcept {
    ::iovec copies[most_copied_slices];
    const slice_view left = remaining(op, copies);
    if (mode == call_mode::no_wait) return write_without_waiting(op.target.id, left);
    return outcome(::writev(op.target.id, left.data, static_cast<int>(left.count)));
}

std::int32_t receive_once(const receive_op& op, void* memory, std::size_t size, bool wait) noexcept {
    const int fd = op.source.id;
    if (op.kind == op_kind::receive) return outcome(::recv(fd, memory, size, wait ? 0 : MSG_DONTWAIT));
    return wait ? outcome(::read(fd, memory, size)) : read_without_waiting(fd, memory, size);
}

template <class Once>
std::int32_t until_all_taken(send_op& op, call_mode mode, Once once) noexcept {
    while (op.first < op.count) {
        const std::int32_t n = once(op, mode);
        if (n < 0) return n;
        if (advance(op, static_cast<std::size_t>(n))) break;
        // A send that stopped within a slice has filled the socket: asking again would only be told so. One that
        // stopped between two may just have been given no more (IOV_MAX), and then no readiness would ever come.
        if (mode == call_mode::no_wait && op.kind == op_kind::send && op.skip != 0) return -EAGAIN;
    }
    return 0;
}

}  // namespace

std::int32_t send_once(const send_op& op, int flags) noexcept {
    ::iovec copies[most_copied_slices];
    const slice_view left = remaining(op, copies);
    flags |= op.more_follows ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
    // Most messages are one piece, and copying a msghdr and its slices into the kernel is 2 % of a small send.
    if (left.count == 1) return outcome(::send(op.target.id, left.data->iov_base, left.data->iov_len, flags));
    ::msghdr message{};
    message.msg_iov = const_cast<::iovec*>(left.data);
    message.msg_iovlen = left.count;
    return outcome(::sendmsg(op.target.id, &message, flags));
}

std::size_t bytes_left(const send_op& op, std::size_t enough) noexcept {
    if (op.first == op.count || enough == SIZE_MAX) return 0;
    std::size_t bytes = op.slices[op.first].size - op.skip;
    for (std::uint32_t i = op.first + 1; i < op.count && bytes < enough; ++i) bytes += op.slices[i].size;
    return bytes;
}

bool advance(send_op& op, std::size_t n) noexcept {
    op.transferred += n;
    while (op.first < op.count && n >= op.slices[op.first].size - op.skip) {
        n -= op.slices[op.first].size - op.skip;
        ++op.first;
        op.skip = 0;
    }
    op.skip += n;
    return op.first == op.count;
}

std::uint32_t at_most_iov_max(std::uint32_t count) noexcept { return std::min<std::uint32_t>(count, IOV_MAX); }

slice_view remaining(const send_op& op, ::iovec (&copies)[most_copied_slices]) noexcept {
    const ::iovec* rest = as_iovec(op.slices + op.first);
    const std::uint32_t count = at_most_iov_max(op.count - op.first);
    if (op.skip == 0) return {rest, count};
    const std::uint32_t copied = std::min(count, most_copied_slices);
    std::copy_n(rest, copied, copies);
    copies[0].iov_base = static_cast<std::byte*>(copies[0].iov_base) + op.skip;
    copies[0].iov_len -= op.skip;
    return {copies, copied};
}

std::int32_t call_receive(const receive_op& op, void* memory, std::size_t size, call_mode mode) noexcept {
    for (;;) {
        const std::int32_t r = receive_once(op, memory, size, mode == call_mode::blocking);
        if (r != -EINTR || mode == call_mode::blocking) return r;
    }
}

void deliver(receive_op& op, buffer_pool& pool, std::uint16_t buffer, std::int32_t result) noexcept {
    if (result > 0) {
        pool.enqueue(op.received, op.credit, buffer, static_cast<std::uint32_t>(result));
    } else {
        pool.put(buffer);
    }
}

std::int32_t receive_into_pool(receive_op& op, buffer_pool& pool, call_mode mode) noexcept {
    const unsigned from = op.credit.buffer_class;
    const std::uint16_t buffer = pool.take(from);
    if (buffer == no_buffer) return -ENOBUFS;
    const std::int32_t r = call_receive(op, pool.data(buffer), pool.buffer_size(from), mode);
    deliver(op, pool, buffer, r);
    return r;
}

std::int32_t send_op::call(call_mode mode) noexcept {
    return until_all_taken(*this, mode, [](const send_op& op, call_mode how) noexcept {
        return detail::send_once(op, how == call_mode::blocking ? 0 : MSG_DONTWAIT);
    });
}

std::int32_t write_op::call(call_mode mode) noexcept { return until_all_taken(*this, mode, write_once); }

std::int32_t splice_op::call(call_mode mode) noexcept {
    // SPLICE_F_NONBLOCK is about the pipe; on a socket in blocking mode the call would sleep.
    if (only_pending && mode == call_mode::blocking && !is_ready(source.id, POLLIN)) return -EAGAIN;
    return outcome(::splice(source.id, nullptr, target.id, nullptr, length, SPLICE_F_MOVE | SPLICE_F_NONBLOCK));
}

std::int32_t tee_op::call(call_mode) noexcept {
    return outcome(::tee(source.id, target.id, length, SPLICE_F_NONBLOCK));
}

}  // namespace penstock::detail
