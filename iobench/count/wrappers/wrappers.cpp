// The C library's functions that make system calls, each counted and then left to the C library: errno, cancellation
// and all else are its own. That this program defines them is enough for its own code and for the shared libraries that
// it uses. What the C library calls inside itself (a lock's futex, an allocator's mmap) and what liburing enters by
// inline assembly goes by unseen.
#include "count/counters.hpp"

#include <dlfcn.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <csignal>
#include <cstdarg>
#include <type_traits>

namespace {

using iobench::call;

/// What the function would have been without us.
template <class F>
F* next(const char* name) noexcept {
    return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

call kind_of(long number) noexcept {
    switch (number) {
        case SYS_io_uring_enter: return call::io_uring_enter;
        case SYS_io_submit: return call::io_submit;
        case SYS_io_getevents: return call::io_getevents;
        case SYS_io_cancel: return call::io_cancel;
        case SYS_futex: return call::futex;
        case SYS_read: return call::read;
        case SYS_write: return call::write;
        case SYS_epoll_pwait2: return call::epoll_pwait2;
        default: return call::other;
    }
}

}  // namespace

// NAME(parameters) that is counted as KIND. The address of the next function is looked up once.
#define COUNTED(RESULT, NAME, KIND, PARAMETERS, ARGUMENTS)            \
    RESULT NAME PARAMETERS {                                          \
        static auto* const original = next<RESULT PARAMETERS>(#NAME); \
        iobench::note(call::KIND);                                    \
        return original ARGUMENTS;                                    \
    }

extern "C" {

COUNTED(ssize_t, read, read, (int fd, void* data, size_t size), (fd, data, size))
COUNTED(ssize_t, write, write, (int fd, const void* data, size_t size), (fd, data, size))
COUNTED(ssize_t, readv, readv, (int fd, const ::iovec* parts, int count), (fd, parts, count))
COUNTED(ssize_t, writev, writev, (int fd, const ::iovec* parts, int count), (fd, parts, count))
COUNTED(ssize_t, pread, pread, (int fd, void* data, size_t size, off_t at), (fd, data, size, at))
COUNTED(ssize_t, pread64, pread, (int fd, void* data, size_t size, off64_t at), (fd, data, size, at))
COUNTED(ssize_t, pwrite, pwrite, (int fd, const void* data, size_t size, off_t at), (fd, data, size, at))
COUNTED(ssize_t, pwrite64, pwrite, (int fd, const void* data, size_t size, off64_t at), (fd, data, size, at))
COUNTED(ssize_t, preadv, preadv, (int fd, const ::iovec* parts, int count, off_t at), (fd, parts, count, at))
COUNTED(ssize_t, pwritev, pwritev, (int fd, const ::iovec* parts, int count, off_t at), (fd, parts, count, at))
COUNTED(ssize_t, preadv2, preadv2, (int fd, const ::iovec* parts, int count, off_t at, int how),
        (fd, parts, count, at, how))
COUNTED(ssize_t, pwritev2, pwritev2, (int fd, const ::iovec* parts, int count, off_t at, int how),
        (fd, parts, count, at, how))
COUNTED(ssize_t, recv, recvfrom, (int fd, void* data, size_t size, int how), (fd, data, size, how))
COUNTED(ssize_t, send, sendto, (int fd, const void* data, size_t size, int how), (fd, data, size, how))
COUNTED(ssize_t, recvfrom, recvfrom, (int fd, void* data, size_t size, int how, ::sockaddr* from, ::socklen_t* length),
        (fd, data, size, how, from, length))
COUNTED(ssize_t, sendto, sendto,
        (int fd, const void* data, size_t size, int how, const ::sockaddr* to, ::socklen_t length),
        (fd, data, size, how, to, length))
COUNTED(ssize_t, recvmsg, recvmsg, (int fd, ::msghdr* message, int how), (fd, message, how))
COUNTED(ssize_t, sendmsg, sendmsg, (int fd, const ::msghdr* message, int how), (fd, message, how))
COUNTED(ssize_t, splice, splice, (int in, off64_t* at, int out, off64_t* to, size_t size, unsigned how),
        (in, at, out, to, size, how))
COUNTED(ssize_t, sendfile, sendfile, (int out, int in, off_t* at, size_t size), (out, in, at, size))
COUNTED(ssize_t, sendfile64, sendfile, (int out, int in, off64_t* at, size_t size), (out, in, at, size))
COUNTED(int, accept, accept, (int fd, ::sockaddr* from, ::socklen_t* length), (fd, from, length))
COUNTED(int, accept4, accept4, (int fd, ::sockaddr* from, ::socklen_t* length, int how), (fd, from, length, how))
COUNTED(int, connect, connect, (int fd, const ::sockaddr* to, ::socklen_t length), (fd, to, length))
COUNTED(int, shutdown, shutdown, (int fd, int how) noexcept, (fd, how))
COUNTED(int, close, close, (int fd), (fd))
COUNTED(int, fsync, fsync, (int fd), (fd))
COUNTED(int, fdatasync, fdatasync, (int fd), (fd))
COUNTED(int, epoll_ctl, epoll_ctl, (int epoll, int what, int fd, ::epoll_event* event) noexcept,
        (epoll, what, fd, event))
COUNTED(int, epoll_wait, epoll_wait, (int epoll, ::epoll_event* events, int most, int limit),
        (epoll, events, most, limit))
COUNTED(int, epoll_pwait, epoll_pwait, (int epoll, ::epoll_event* events, int most, int limit, const ::sigset_t* mask),
        (epoll, events, most, limit, mask))
COUNTED(int, epoll_pwait2, epoll_pwait2,
        (int epoll, ::epoll_event* events, int most, const ::timespec* limit, const ::sigset_t* mask),
        (epoll, events, most, limit, mask))
COUNTED(int, poll, poll, (::pollfd * entries, ::nfds_t count, int limit), (entries, count, limit))
COUNTED(int, ppoll, ppoll, (::pollfd * entries, ::nfds_t count, const ::timespec* limit, const ::sigset_t* mask),
        (entries, count, limit, mask))
COUNTED(int, select, select, (int end, ::fd_set* reads, ::fd_set* writes, ::fd_set* urgent, ::timeval* limit),
        (end, reads, writes, urgent, limit))
COUNTED(int, pselect, pselect,
        (int end, ::fd_set* reads, ::fd_set* writes, ::fd_set* urgent, const ::timespec* limit, const ::sigset_t* mask),
        (end, reads, writes, urgent, limit, mask))
COUNTED(int, sigtimedwait, rt_sigtimedwait, (const ::sigset_t* set, ::siginfo_t* info, const ::timespec* limit),
        (set, info, limit))

// Whatever it takes, it takes in registers: six are passed on, as the C library does.
long syscall(long number, ...) noexcept {
    static auto* const original = next<long(long, ...)>("syscall");
    iobench::note(kind_of(number));
    std::va_list more;
    va_start(more, number);
    long a[6];
    for (long& each : a) each = va_arg(more, long);
    va_end(more);
    return original(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

}  // extern "C"
