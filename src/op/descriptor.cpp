// Descriptors of any sort: closing, taking in, pipes, signals.
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace penstock::detail {
namespace {

std::int32_t prepare_to_accept(int fd) noexcept {
    int listens = 0;
    ::socklen_t size = sizeof listens;
    const std::int32_t r = outcome(::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size));
    if (r < 0 || listens == 0) return r < 0 ? r : -EINVAL;
    return outcome(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK));
}

}  // namespace

std::int32_t close_op::call(call_mode) noexcept {
    if (forget_only) return 0;
    const std::int32_t r = outcome(::close(target.id));
    return r == -EINTR ? 0 : r;  // Linux has freed the descriptor by then; closing again would hit a stranger's
}

std::int32_t adopt_op::call(call_mode) noexcept {
    std::int32_t r = outcome(::fcntl(descriptor, F_GETFD));
    if (r >= 0 && listening) r = prepare_to_accept(descriptor);
    return r < 0 ? r : descriptor;
}

std::int32_t install_op::call(call_mode) noexcept {
    const std::int32_t r = outcome(::fcntl(target.id, F_GETFD));
    return r < 0 ? r : target.id;
}

std::int32_t pipe_op::call(call_mode) noexcept {
    int ends[2];
    const std::int32_t r = outcome(::pipe2(ends, O_CLOEXEC | O_NONBLOCK));
    if (r < 0) return r;
    if (capacity != 0) ::fcntl(ends[1], F_SETPIPE_SZ, capacity);  // or it stays as it is: /proc/sys/fs/pipe-*
    read_end = {ends[0]};
    write_end = {ends[1]};
    return 0;
}

std::int32_t signals_op::call(call_mode) noexcept {
    ::sigset_t set;
    ::sigemptyset(&set);
    for (int number = 1; number <= 64; ++number) {
        if ((mask >> (number - 1) & 1) != 0) ::sigaddset(&set, number);
    }
    return outcome(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

std::int32_t poll_op::call(call_mode mode) noexcept {
    const auto events = static_cast<short>(for_writing ? POLLOUT : POLLIN);
    ::pollfd entry{.fd = target.id, .events = events, .revents = 0};
    if (!target.valid()) return -EBADF;  // which poll(2) leaves out
    const std::int32_t r = outcome(::poll(&entry, 1, mode == call_mode::blocking ? -1 : 0));
    if (r < 0) return r;
    if ((entry.revents & POLLNVAL) != 0) return -EBADF;
    return r == 0 ? -EAGAIN : entry.revents;
}

ready_sides ready_sides_of(std::int32_t polled) noexcept {
    return {.readable = (polled & POLLIN) != 0,
            .writable = (polled & POLLOUT) != 0,
            .hung_up = (polled & POLLHUP) != 0,
            .failed = (polled & POLLERR) != 0};
}

}  // namespace penstock::detail
