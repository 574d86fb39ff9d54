// What io_uring alone can be asked for. Each option says what it needs, what it costs, and when it pays. What the
// kernel does not have is left out, and explanation::features says so; with the defaults nothing here costs anything.
#pragma once

#include <penstock/time.hpp>

#include <cstdint>

namespace penstock {

/// When the kernel finishes what an interrupt has begun: in the loop's thread, but when?
enum class uring_task_work : std::uint8_t {
    deferred,      ///< when the loop asks for completions (DEFER_TASKRUN, Linux 6.1): in one go, no interruption
    cooperative,   ///< at the thread's next system call of any kind (COOP_TASKRUN, Linux 5.19)
    interrupting,  ///< at once: a thread that computes is interrupted for it, as before Linux 5.19
};

/// For the backend `io_uring`; the others do not look at it. See io_uring_setup(2), io_uring_enter(2),
/// io_uring_register(2).
struct uring_options {
    /// The best that the kernel has, from here on downwards. `cooperative` is for measuring, and for a thread that
    /// makes many other system calls; a submission thread excludes all but `interrupting`.
    uring_task_work task_work = uring_task_work::deferred;

    // --- SQPOLL: a kernel thread takes the submissions -----------------------------------------------------

    /// IORING_SETUP_SQPOLL. Needs a core to spare: the thread spins on it while there is traffic, and for
    /// submission_thread_idle after it. Pays only where the loop's own core is the bottleneck and saving the system
    /// call is worth another core. Never on by default, also because the thread keeps the credentials
    /// that the process had when the loop was made: so what is checked against credentials (opening files) is not left
    /// to it, but to the worker pool.
    bool submission_thread = false;
    /// How long that thread spins without work before it sleeps; waking it is one system call.
    duration submission_thread_idle = std::chrono::milliseconds(50);
    /// The core that it stays on; -1: any. Choose another than the loop's.
    int submission_thread_cpu = -1;
    /// How long a wait looks at the completion queue before it sleeps in the kernel. Needs submission_thread, since
    /// else completions come by entering the kernel. Costs the loop's core while it waits; with it, a loop that has
    /// traffic makes no system calls at all.
    duration spin{0};

    // --- Waiting -------------------------------------------------------------------------------------------

    /// A wait ends with so many completions, or with one when batch_time has passed. Linux 6.12. Saves wake-ups of a
    /// loop with much traffic of small messages; costs up to batch_time of latency, for other threads' posts too. The
    /// default, 1, is not to wait for a second one. Not beside a submission_thread.
    std::uint32_t batch_completions = 1;
    /// At most that long (microseconds are what the kernel counts in); 0 turns batch_completions off.
    duration batch_time{0};
    /// Only while many come: four or more within batch_time, by the rate of the last millisecond, and ten or more in
    /// one wait of it; and for no more than that wait has brought. So a loop that has one thing to do at a time is not
    /// held up, and one with many gets them together.
    bool batch_adapts = false;
    /// The arguments of a wait lie in memory that the kernel has mapped (IORING_ENTER_EXT_ARG_REG, Linux 6.13), so that
    /// it does not copy them each time. Needs one page. For loops whose waits have a deadline; nobody has measured a
    /// gain.
    bool registered_wait = false;
    /// Busy polling of the network card's queue while waiting (IORING_REGISTER_NAPI, Linux 6.9), at most so long. Needs
    /// a card with NAPI: not loopback. Costs the loop's core while it waits; pays in latency, by what an interrupt and
    /// a wake-up take. 0: off.
    duration napi_busy_poll{0};
    /// Keeps the card's interrupts off while there is busy polling (SO_PREFER_BUSY_POLL).
    bool napi_prefer_busy_poll = false;

    // --- Files ---------------------------------------------------------------------------------------------

    /// Reads and writes of files that were opened with open_options::direct go through a second ring with
    /// IORING_SETUP_IOPOLL: the device is asked whether it is done, instead of interrupting. Needs a driver with poll
    /// queues (nvme.poll_queues=1); a file on another device goes back to the first ring when the kernel says so. Costs
    /// the loop's core while such an operation is under way, as the loop does not sleep then; pays with devices that
    /// answer sooner than a sleep and a wake-up take. A cancel of such an operation takes effect at its completion.
    bool poll_disks = false;
    /// How many descriptors the kernel's table of registered files has room for: those below that number can be in it
    /// (open_options::registered). It is made when the first such file is opened. 0: none.
    std::uint32_t registered_files = 1024;

    // --- Receiving ---------------------------------------------------------------------------------------------

    /// A receive may fill several buffers with one completion (IORING_RECVSEND_BUNDLE, Linux 6.10). Needs receives that
    /// can be limited (Linux 6.17), or a fast peer would get more buffers than the stream's credit. Tried at set-up
    /// with a socket pair, since some kernels mixed up the buffers' order. Costs a look-up for each receive; pays where
    /// messages are larger than a buffer.
    bool bundles = false;
    /// The kernel fills a buffer with one receive after the other, also of different streams, until it is full
    /// (IOU_PBUF_RING_INC, Linux 6.12). Needs a kernel that tells of receives in the order in which it fills; tried at
    /// set-up, on a ring of its own. Excludes bundles. Costs a count for each lease, and a lease that is kept keeps the
    /// whole buffer from being used again; a message may come in two leases where a buffer ends. Pays in memory where
    /// messages are much smaller than buffers: thousands that come in one turn need no more buffers than their bytes
    /// fill, so buffers can be large (buffer_pool_options::buffer_size) without being many.
    bool incremental_buffers = false;

    // --- Bounds and safety ---------------------------------------------------------------------------------

    /// Kernel threads of this loop (io-wq) for what can't be done without blocking: on files and block devices.
    std::uint32_t bounded_workers = 16;
    /// The same, for what may wait for ever: sockets, pipes, terminals.
    std::uint32_t unbounded_workers = 64;
    /// After set-up the ring takes those opcodes only that this backend uses, and no more registrations than it makes
    /// (IORING_REGISTER_RESTRICTIONS, Linux 5.10). For a process that handles other people's bytes: who takes it over
    /// finds a ring that can do less. Costs a bit test for each submission.
    bool restricted = false;
};

}  // namespace penstock
