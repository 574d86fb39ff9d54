// What operations are asked for, as plain data without a kernel header; the public layers have names for it.
#pragma once

#include <cstdint>

namespace penstock::detail {

enum class socket_type : std::uint8_t { stream, datagram };

enum class shutdown_side : std::uint8_t { receive, send, both };

enum class socket_option : std::uint8_t {
    no_delay,        ///< TCP_NODELAY
    keep_alive,      ///< SO_KEEPALIVE
    reuse_address,   ///< SO_REUSEADDR
    reuse_port,      ///< SO_REUSEPORT
    ipv6_only,       ///< IPV6_V6ONLY
    send_buffer,     ///< SO_SNDBUF, bytes
    receive_buffer,  ///< SO_RCVBUF, bytes
    linger,          ///< SO_LINGER, seconds; -1 off, 0 resets on close
    defer_accept,    ///< TCP_DEFER_ACCEPT, seconds
    quick_ack,       ///< TCP_QUICKACK
    fast_open,       ///< TCP_FASTOPEN, queue length
    user_timeout,    ///< TCP_USER_TIMEOUT, milliseconds
    udp_segment,     ///< UDP_SEGMENT, bytes; 0: no segmenting unless a send says so
    udp_join,        ///< UDP_GRO: segments that came one after the other are received together
};

/// How many descriptors may go with a message. The kernel itself passes up to 253 (SCM_MAX_FD).
inline constexpr std::uint8_t most_passed_descriptors = 16;

/// What the way to a file may not lead over; openat2(2), RESOLVE_*.
struct path_limits {
    bool beneath = false;         ///< it stays below the directory that it begins at, or fails with EXDEV
    bool in_root = false;         ///< that directory is its root: neither `..` nor `/` gets out
    bool no_symlinks = false;     ///< a symbolic link on it fails with ELOOP
    bool no_magic_links = false;  ///< nor those of /proc
    bool no_mounts = false;       ///< another file system fails with EXDEV

    constexpr bool any() const noexcept { return beneath || in_root || no_symlinks || no_magic_links || no_mounts; }
};

/// How a file is opened; a plain-data form of O_*, RESOLVE_* and the mode.
struct open_request {
    bool read = true;
    bool write = false;
    bool create = false;
    bool exclusive = false;
    bool truncate = false;
    bool append = false;
    bool direct = false;  ///< O_DIRECT: address, length and offset must be multiples of the block size
    /// Many reads and writes of it are to come: if the mechanism has a table of registered files, it goes in there,
    /// which costs a system call at opening and at closing, and saves counting a reference for each operation.
    bool registered = false;
    bool directory = false;  ///< O_DIRECTORY: anything else fails with ENOTDIR
    bool path_only = false;  ///< O_PATH: only to be relative to, and for its status
    bool no_follow = false;  ///< O_NOFOLLOW: a symbolic link itself fails with ELOOP
    path_limits within{};
    std::uint32_t mode = 0644;
};

/// Who waits for a word of memory and wakes who does; futex(2).
enum class futex_reach : std::uint8_t {
    process,  ///< threads of this process (FUTEX_PRIVATE_FLAG)
    machine,  ///< whoever has the memory mapped
};

/// What a descriptor that was waited for is ready for.
struct ready_sides {
    bool readable = false;  ///< a read would bring something, or the end
    bool writable = false;
    bool hung_up = false;  ///< the other side has gone, or of a process: it has ended and was waited for
    bool failed = false;   ///< an error is pending
};

enum class allocation : std::uint8_t {
    extend,      ///< space for all of the range; the file grows if it was shorter
    keep_size,   ///< the same, but the size stays
    punch_hole,  ///< gives the range's space back: it reads as zeros, and the size stays
    zero,        ///< the range reads as zeros; the file grows if it was shorter
};

enum class file_advice : std::uint8_t { normal, sequential, random, no_reuse, will_need, dont_need };

enum class memory_advice : std::uint8_t {
    normal,
    sequential,
    random,
    will_need,
    dont_need,       ///< private anonymous memory reads as zeros afterwards
    populate_read,   ///< faults the pages in for reading (Linux 5.14)
    populate_write,  ///< and for writing
    huge_pages,
    no_huge_pages
};

enum class rename_rule : std::uint8_t {
    replace,   ///< what has the new name already is replaced
    refuse,    ///< or it fails with EEXIST
    exchange,  ///< or the two exchange their names; there must be one
};

}  // namespace penstock::detail
