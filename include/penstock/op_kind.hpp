// The kinds of operations. What each has and does is in operation.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock {

/// Every kind of operation. Each backend answers each kind in a `switch` without `default`, so that a new kind does
/// not compile until every backend has one. That `op_kind_count` counts them all, src/op/kinds.cpp has checked.
enum class op_kind : std::uint8_t {
    nop,       ///< nothing; measures the path
    socket,    ///< socket(2)
    bind,      ///< bind(2)
    listen,    ///< listen(2)
    accept,    ///< accept4(2); may deliver many
    connect,   ///< connect(2)
    receive,   ///< recv(2) into leased buffers; may deliver many
    send,      ///< sendmsg(2), until everything is sent
    shutdown,  ///< shutdown(2)
    name,      ///< getsockname(2), getpeername(2)
    option,    ///< getsockopt(2), setsockopt(2)
    open,      ///< openat(2), openat2(2)
    read_at,   ///< preadv(2)
    write_at,  ///< pwritev(2)
    sync,      ///< fsync(2), fdatasync(2)
    status,    ///< statx(2)
    read,      ///< read(2) at the descriptor's own position, into a leased buffer
    write,     ///< writev(2) at the descriptor's own position, until everything is written
    splice,    ///< splice(2), one step
    close,     ///< close(2)
    adopt,     ///< takes in a descriptor of the program
    pipe,      ///< pipe2(2)
    signals,   ///< signalfd(2)

    truncate,        ///< ftruncate(2)
    allocate,        ///< fallocate(2)
    sync_range,      ///< sync_file_range(2)
    advise,          ///< posix_fadvise(2)
    advise_memory,   ///< madvise(2)
    rename,          ///< renameat2(2)
    unlink,          ///< unlinkat(2)
    make_directory,  ///< mkdirat(2)
    symlink,         ///< symlinkat(2)
    link,            ///< linkat(2)
    poll,            ///< poll(2) of one descriptor
    tee,             ///< tee(2), one step
    futex_wait,      ///< futex(2), FUTEX_WAIT
    futex_wake,      ///< futex(2), FUTEX_WAKE
    loop_message,    ///< a message for another loop
    tick,            ///< a clock's, again and again
    install,         ///< gives a number to what has none: IORING_OP_FIXED_FD_INSTALL

    send_message,     ///< sendmsg(2) of a message: to an address, with ancillary data
    receive_message,  ///< recvmsg(2) of a message, into the caller's memory
};
inline constexpr std::size_t op_kind_count = static_cast<std::size_t>(op_kind::receive_message) + 1;  ///< the last

/// The kind's name, as in the enumeration.
std::string_view to_string(op_kind kind) noexcept;

}  // namespace penstock
