// What a loop has lived through, as data. Every bound of the library has its figure here.
#pragma once

#include <penstock/buffer_pool.hpp>
#include <penstock/detail/frame_arena.hpp>
#include <penstock/time.hpp>

#include <cstddef>
#include <cstdint>

namespace penstock {

struct loop_statistics {
    std::uint64_t turns = 0;               ///< rounds of deliver, then wait
    std::uint64_t completions = 0;         ///< final completions and multishot deliveries
    std::uint64_t immediate = 0;           ///< operations that completed in submit()
    std::uint64_t resumed = 0;             ///< items run from the ready queue
    std::uint64_t immediate_deferred = 0;  ///< those over a turn's budget for it (loop_options::immediate_budget)
    std::uint64_t budget_exhausted = 0;    ///< turns that left ready items for the next (loop_options::turn_budget)
    duration sampled_turn_time{0};         ///< working time of sampled turns, waiting excluded
    std::uint64_t sampled_turns = 0;       ///< every 64th turn is timed
    duration longest_sampled_turn{0};
    std::size_t timers = 0;                ///< set now
    std::uint32_t in_flight = 0;           ///< operations with the backend now
    std::uint32_t waiting_for_space = 0;   ///< operations that the backend had no room for, now
    std::uint64_t posted = 0;              ///< functions posted from elsewhere
    std::uint64_t post_refused = 0;        ///< posts refused because the queue was full (loop_options::post_capacity)
    std::uint64_t wakes = 0;               ///< wake-ups asked of the backend
    std::uint64_t messages = 0;            ///< received from loops
    std::uint64_t messages_refused = 0;    ///< those for which the queue was full (loop_options::message_capacity)
    std::size_t transfer_pipes = 0;        ///< open now, idle ones included (loop_options::transfer_pipes)
    std::size_t large_transfer_pipes = 0;  ///< of all loops of the process: those that hold 512 KiB; at most 32
    std::uint64_t transfer_pipes_refused = 0;  ///< transfers that had to copy because all were in use
    std::size_t records = 0;                   ///< streams, listeners and other records alive
    std::uint64_t credit_waits = 0;            ///< receives that waited for a lease to end (stream::set_credit)
    std::uint64_t accept_pauses = 0;           ///< times accepting paused for lack of descriptors or memory
    std::uint64_t accept_queue_waits = 0;      ///< times it paused since nobody took what came (listen_options::queue)
    std::uint64_t connection_waits = 0;        ///< times serve() paused accepting (serve_options::most_connections)
    std::uint64_t sequence_pauses = 0;         ///< times a sequence was stopped since nobody took what it told
    std::uint64_t drains_cut = 0;              ///< sessions that serve_options::drain_limit cancelled
    std::uint64_t busy = 0;                    ///< submissions that the backend had no queue space for
    std::uint64_t chains = 0;                  ///< runs of a chain whose steps were one submission
    std::uint64_t chains_in_order = 0;         ///< those whose steps were started one after the other
    std::uint64_t chains_refused = 0;          ///< those with more steps than they may have (chain::chain)
    buffer_pool_statistics buffers;
    detail::frame_statistics frames;
    // From the backend:
    std::uint64_t enters = 0;                ///< system calls that submit to or wait on the mechanism
    std::uint64_t parked = 0;                ///< receives that waited for a buffer of the pool
    std::uint64_t overflows = 0;             ///< overflows of a queue of the kernel (completions, signals) survived
    std::uint64_t slot_waits = 0;            ///< waits that found no request slot of the kernel and took another way
    std::uint64_t registrations = 0;         ///< system calls that told the kernel what to watch; not among `enters`
    std::uint64_t descriptors_refused = 0;   ///< opened or asked for beyond capability_table::most_descriptors
    std::uint32_t offloaded = 0;             ///< operations on the worker pool now
    std::uint64_t by_registered_file = 0;    ///< reads and writes that named their file by its place in a table
    std::uint64_t by_registered_memory = 0;  ///< reads and writes into memory of a fs::buffer_arena
    std::uint64_t bundled_buffers = 0;   ///< received with another buffer in one completion (uring_options::bundles)
    std::uint64_t shared_buffers = 0;    ///< receives that left a buffer to others (uring_options::incremental_buffers)
    std::uint64_t polled_on_disk = 0;    ///< reads and writes whose device was polled (uring_options::poll_disks)
    std::uint64_t zero_copy_sends = 0;   ///< sends without copying that have ended (backend_options::zero_copy_from)
    std::uint64_t zero_copy_copied = 0;  ///< those of them that the kernel copied all the same
    std::uint64_t loops_rung = 0;        ///< other loops woken by an entry of this one's ring
    unsigned worker_threads = 0;         ///< threads of the worker pool now (loop_options::worker_threads)
    std::size_t worker_queue = 0;        ///< jobs waiting for one (loop_options::worker_queue)
    std::size_t worker_queue_most = 0;   ///< the most that ever waited
    std::uint64_t worker_refused = 0;    ///< jobs that found the queue full
};

}  // namespace penstock
