// The system calls that are counted: those that move data, wait, or change what is watched.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace iobench {

enum class call : std::uint8_t {
    read,
    write,
    readv,
    writev,
    pread,
    pwrite,
    preadv,
    pwritev,
    preadv2,
    pwritev2,
    recvfrom,
    sendto,
    recvmsg,
    sendmsg,
    recvmmsg,
    sendmmsg,
    splice,
    sendfile,
    accept,
    accept4,
    connect,
    shutdown,
    close,
    epoll_ctl,
    epoll_wait,
    epoll_pwait,
    epoll_pwait2,
    poll,
    ppoll,
    select,
    pselect,
    rt_sigtimedwait,
    io_submit,
    io_getevents,
    io_cancel,
    io_uring_enter,
    futex,
    fsync,
    fdatasync,
    other,  ///< by syscall(2)
};

inline constexpr std::size_t call_kinds = static_cast<std::size_t>(call::other) + 1;

/// The kernel's names, as strace and perf print them (for the same x86-64 and ARM64 entries). In the order of `call`.
inline constexpr std::array<std::string_view, call_kinds> call_names = {
    "read",           "write",    "readv",     "writev",          "pread64",     "pwrite64",     "preadv",
    "pwritev",        "preadv2",  "pwritev2",  "recvfrom",        "sendto",      "recvmsg",      "sendmsg",
    "recvmmsg",       "sendmmsg", "splice",    "sendfile",        "accept",      "accept4",      "connect",
    "shutdown",       "close",    "epoll_ctl", "epoll_wait",      "epoll_pwait", "epoll_pwait2", "poll",
    "ppoll",          "select",   "pselect6",  "rt_sigtimedwait", "io_submit",   "io_getevents", "io_cancel",
    "io_uring_enter", "futex",    "fsync",     "fdatasync",       "other",
};

/// How often each was made.
using call_counts = std::array<std::uint64_t, call_kinds>;

constexpr std::uint64_t count_of(const call_counts& counts, call which) {
    return counts[static_cast<std::size_t>(which)];
}

constexpr std::uint64_t total(const call_counts& counts) {
    std::uint64_t sum = 0;
    for (const std::uint64_t one : counts) sum += one;
    return sum;
}

/// Those that sleep until something is ready or done: a wake-up each.
constexpr std::uint64_t waits(const call_counts& counts) {
    std::uint64_t sum = 0;
    for (const call which :
         {call::epoll_wait, call::epoll_pwait, call::epoll_pwait2, call::poll, call::ppoll, call::select, call::pselect,
          call::rt_sigtimedwait, call::io_getevents, call::io_uring_enter}) {
        sum += count_of(counts, which);
    }
    return sum;
}

}  // namespace iobench
