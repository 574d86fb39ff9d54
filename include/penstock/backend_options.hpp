// The bounds of a backend. Each has a name, a default, and a figure in loop::statistics().
#pragma once

#include <penstock/operation.hpp>
#include <penstock/uring_options.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock {

namespace detail {
class simulated_world;
}

/// When `epoll` tells of readiness (epoll(7)).
enum class epoll_trigger : std::uint8_t {
    edge,      ///< EPOLLET: once per change; one epoll_ctl per descriptor's life
    level,     ///< for as long as it lasts; interest that nobody has any more is withdrawn before the next wait
    one_shot,  ///< EPOLLONESHOT: once, then it is armed again
};

/// Who carries out operations on files for a mechanism that only tells of readiness.
enum class file_engine : std::uint8_t {
    automatic,  ///< what the mechanism itself can do, and threads for the rest
    threads,    ///< blocking calls on the loop's worker pool
    posix_aio,  ///< aio(7) of the C library, and threads for what it has not
    linux_aio,  ///< io_submit(2): O_DIRECT, what is in the page cache, and fsync; threads for the rest
};

struct backend_options {
    /// Submissions that fit in a mechanism's own queue between two turns. When it is full it is flushed; when the
    /// kernel takes no more, operations wait in the loop and are offered again each turn.
    std::uint32_t queue_entries = 256;
    /// Completions that fit before the kernel must keep them aside. More is correct, only slower.
    std::uint32_t completion_entries = 4096;
    /// `threads`: at most this many operations blocked at once.
    std::uint32_t max_threads = 512;
    /// Where the mechanism can't wait for a word of memory: at most this many futex_wait() at once, each on a thread
    /// that does nothing else; more are answered errc::too_many_blocked_operations.
    std::uint32_t most_sleeping = 64;
    /// `linux_aio`: slots asked of the kernel (out of the system-wide fs.aio-max-nr). One is held by each waiting
    /// socket; sockets beyond them are watched through one epoll descriptor.
    std::uint32_t aio_slots = 16384;
    /// `epoll`: also `epoll:level` and `epoll:oneshot` as a backend's name.
    epoll_trigger trigger = epoll_trigger::edge;
    /// `epoll`: wait for connections with EPOLLEXCLUSIVE, so that of several loops that accept from one socket few wake
    /// for each newcomer; also `epoll:exclusive`. Without it all of them do. See net::adopt_listener().
    bool exclusive_accept = false;
    /// `sigio`: the real-time signal (SIGRTMIN to SIGRTMAX) by which descriptors tell the loop; 0: the first that the
    /// program neither handles nor has blocked. It and SIGIO belong to the loop: they are blocked in its thread, which
    /// a program that is started from there inherits, and an empty handler replaces what they do by default.
    int ready_signal = 0;
    /// Mechanisms of readiness: who does the work on files; also `epoll+posix_aio` and so on as a backend's name.
    file_engine files = file_engine::automatic;
    /// Sends of at least so many bytes on a stream are not copied: the network card reads the caller's memory, and the
    /// send ends when it has and the peer has acknowledged. `io_uring`: IORING_OP_SEND_ZC, Linux 6.2. Mechanisms of
    /// readiness: MSG_ZEROCOPY, Linux 4.14, and the socket's error queue, which epoll tells of; see
    /// Documentation/networking/msg_zerocopy.rst. Needs TCP and a card that can: over loopback the kernel copies all
    /// the same, and when that is what it reports of most of them, the loop goes back to plain sends for a while. Costs
    /// a notification for each send, and latency. To cancel such a send resets the connection, since nothing else gives
    /// the memory back. From which size on it pays is to be measured on the card in question. 0: never.
    std::size_t zero_copy_from = 0;
    /// `simulated`: what decides in its world; also `simulated:7` as a backend's name.
    std::uint64_t seed = 1;
    /// `simulated`: the world that this loop is part of (simulation::add_loop() sets it); null: one of its own.
    detail::simulated_world* world = nullptr;
    /// `io_uring`: what it alone can be asked for.
    uring_options uring = {};
    /// Operations to do without, as if the kernel had refused them; for tests and for diagnosing.
    std::vector<op_kind> denied = {};
};

}  // namespace penstock
