// What a simulated machine is like: its size, its time, what goes wrong on it. Also what it has counted.
#pragma once

#include <penstock/time.hpp>

#include <cstddef>
#include <cstdint>

namespace penstock {

/// What goes wrong, each as a chance per 1,000 opportunities; 0: never. As counts (simulation_statistics::injected):
/// how often it did.
struct simulation_faults {
    unsigned short_transfer = 0;  ///< a call moves fewer bytes than it could: receive, send, read, write, splice, files
    unsigned interrupted = 0;     ///< EINTR: an attempt must be made again, an accept ends with it, a wait ends early
    unsigned again = 0;           ///< EAGAIN: something was said to be ready and is not, or a submission finds no space
    unsigned reset = 0;           ///< a TCP connection is reset: ECONNRESET on both sides, ECONNABORTED for an accept
    unsigned lost_datagram = 0;   ///< over UDP
    unsigned doubled_datagram = 0;  ///< a datagram over UDP arrives twice
    unsigned delay = 0;             ///< what takes time takes up to 200 ms more; timers are up to 10 ms late
    unsigned reorder = 0;   ///< what ended in the same turn, independently of each other, is told in another order
    unsigned no_space = 0;  ///< ENOSPC: a write to a file
    unsigned io_error = 0;  ///< EIO: a read, write, sync or status of a file
    unsigned too_many_files = 0;  ///< EMFILE: a socket, an accept, an open, a pipe
};

/// A defect built in on purpose, so that a test can prove that it would catch it.
enum class simulation_mutant : std::uint8_t {
    none,
    dropped_completion,  ///< an operation ends and nobody is told
    duplicated_byte,     ///< the first byte of a received piece is there twice
    leaked_lease,        ///< a receive takes a buffer of the loop's pool and nobody gives it back
    lost_wake_up,        ///< something became ready and who waits for it is not told
    swallowed_cancel,    ///< a cancel request has no effect
};

struct simulation_options {
    /// Decides everything that is left to chance. The same seed, options and program: the same trace, byte for byte.
    std::uint64_t seed = 1;
    simulation_faults faults = {};
    /// How long a hop of the network, an operation on a file and a job of run_blocking() take: anything between the
    /// two. Both 0: no time, and what can be done at once is.
    duration least_delay = {};
    duration most_delay = {};
    /// The processor time of one turn of a loop, and of each thing that it runs (a task that goes on, a completion).
    /// The turn's is at least 1 ns, or a loop that is always busy would stop time.
    duration turn_cost = std::chrono::microseconds(1);
    duration item_cost = std::chrono::nanoseconds(100);
    /// Bytes under way in one direction of a connection, unless socket_option::send_buffer says otherwise; and bytes
    /// of datagrams that wait to be received from a socket (socket_option::receive_buffer).
    std::uint32_t socket_buffer = 64 * 1024;
    /// What may be open at once on the whole machine; beyond it, EMFILE.
    std::uint32_t most_descriptors = 65536;
    /// What fits on its disk, in bytes; beyond it, ENOSPC.
    std::uint64_t disk_space = std::uint64_t{1} << 30;
    simulation_mutant mutant = simulation_mutant::none;
    /// Chance of the mutant per 1,000 opportunities.
    unsigned mutant_chance = 50;
    /// Whether simulation::trace() has the text; the hash is there in any case.
    bool keep_trace = false;
    /// Of the text no more than these latest bytes are kept (to within half).
    std::size_t trace_limit = std::size_t{64} << 20;
};

/// What a simulated machine has lived through.
struct simulation_statistics {
    std::uint64_t turns = 0;              ///< turns of its loops
    std::uint64_t events = 0;             ///< things that happened on their own: arrivals, ends of delays, schedule()
    std::uint64_t operations = 0;         ///< submitted
    std::uint64_t completions = 0;        ///< final, and deliveries of multishot operations
    std::uint64_t cancels = 0;            ///< cancel requests for operations under way
    std::uint64_t connections = 0;        ///< made
    std::uint32_t open_descriptors = 0;   ///< now
    std::uint32_t most_descriptors = 0;   ///< the highest so far
    std::uint64_t descriptors_short = 0;  ///< times that simulation_options::most_descriptors was reached
    std::uint64_t datagrams_dropped = 0;  ///< that found simulation_options::socket_buffer full
    std::uint64_t disk_full = 0;          ///< times that simulation_options::disk_space was
    std::uint64_t mutations = 0;          ///< times that the mutant struck
    simulation_faults injected = {};      ///< how often each fault did
};

}  // namespace penstock
