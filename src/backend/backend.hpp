// The contract between the loop and a mechanism. Everything penstock promises about I/O is proven against these eight
// entries by tests/conformance.
#pragma once

#include <penstock/backend_options.hpp>
#include <penstock/capabilities.hpp>
#include <penstock/detail/job.hpp>
#include <penstock/detail/linked.hpp>
#include <penstock/explain.hpp>
#include <penstock/operation.hpp>
#include <penstock/time.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace penstock::detail {

/// What submit() did with an operation.
enum class submitted : std::uint8_t {
    completed,  ///< done; result and payload are final, no completion will follow
    queued,     ///< its final completion will come out of wait()
    busy,       ///< no queue space and nothing done: the loop offers it again after the next wait()
};

/// Where a backend puts what it has finished. Nothing is run from here: the loop delivers after wait() returns, so a
/// backend never meets a caller on its own stack.
class completions {
  public:
    /// The operation's one final completion. After this the backend must not touch it again.
    void finish(operation& op, std::int32_t result) noexcept {
        op.result = result;
        op.final = true;
        op.state = op_state::idle;
        ++finished_;
        announce(op);
    }

    /// A multishot operation has delivered something and goes on.
    void more(operation& op) noexcept {
        ++delivered_;
        announce(op);
    }

    bool empty() const noexcept { return ready_.empty(); }

    // The loop's side.
    queue<ready_item>& ready() noexcept { return ready_; }
    void announce(operation& op) noexcept {
        if (op.ready) return;
        op.ready = true;
        ready_.push(op);
    }
    std::uint64_t finished() const noexcept { return finished_; }
    std::uint64_t delivered() const noexcept { return delivered_; }

  private:
    queue<ready_item> ready_;
    std::uint64_t finished_ = 0;
    std::uint64_t delivered_ = 0;
};

/// Counters of a backend, as data.
struct backend_statistics {
    std::uint64_t enters = 0;                ///< system calls that submit to or wait on the mechanism
    std::uint64_t registrations = 0;         ///< system calls that only told the kernel what to watch
    std::uint64_t parked = 0;                ///< receives that waited for a buffer of the pool
    std::uint64_t overflows = 0;             ///< overflows of a queue of the kernel (completions, signals) survived
    std::uint64_t slot_waits = 0;            ///< waits that found no request slot of the kernel and took another way
    std::uint64_t descriptors_refused = 0;   ///< descriptors whose number was beyond what the mechanism can watch
    std::uint32_t offloaded = 0;             ///< operations on the worker pool now
    std::uint64_t by_registered_file = 0;    ///< reads and writes that named a file by its place in the kernel's table
    std::uint64_t by_registered_memory = 0;  ///< reads and writes into memory that the kernel was told of beforehand
    std::uint64_t bundled_buffers = 0;       ///< filled buffers that came with another one in one completion
    std::uint64_t shared_buffers = 0;        ///< receives after which the kernel went on filling the same buffer
    std::uint64_t polled_on_disk = 0;        ///< reads and writes that were not told by an interrupt but asked for
    std::uint64_t zero_copy_sends = 0;       ///< sends whose memory the kernel has used and let go of
    std::uint64_t zero_copy_copied = 0;      ///< those of them that it copied all the same
    std::uint64_t loops_rung = 0;            ///< other loops that were woken by an entry and not by wake()
};

/// What a loop asks of its machine besides I/O, from a backend that has a machine of its own. Loop's thread.
class machine : public time_source {
  public:
    /// Runs `work` in place of a thread of the worker pool. \return false if its queue is full; nothing was kept then.
    virtual bool submit_job(job& work) noexcept = 0;
    /// Removes a job that was not begun. \return whether it was still waiting.
    virtual bool withdraw_job(job& work) noexcept = 0;
    /// Time passes for that many things that a turn has run.
    virtual void spend(std::uint64_t items) noexcept = 0;
    /// unlink(2), for a socket's path in the way of another.
    virtual void remove_file(const char* path) noexcept = 0;

  protected:
    machine() = default;
    ~machine() = default;
};

/// One mechanism, used by one loop on one thread; only wake() may be called from elsewhere. No entry throws.
///
/// - Every operation answered `queued` gets exactly one finish(), whatever happens to it, also after cancel().
/// - `completed` and `busy` leave nothing behind.
/// - cancel() of a queued operation cannot fail and cannot be lost; the operation ends with -ECANCELED, or as if it
///   had not been cancelled when that came first. Calling it again is harmless.
/// - An accept or receive may call more() any number of times before its finish(); see accept_op and receive_op for
///   what final results mean. The credit of a receive and the limit of an accept are obeyed.
/// - A receive owns no buffer while it waits; when the pool is empty it is parked until a buffer comes back. A read
/// owns
///   one where it waits inside a blocking call (`threads`, and files on the worker pool).
/// - Closing a handle (close_op) is only asked for when no operation on it is under way.
class backend {
  public:
    backend() = default;
    backend(const backend&) = delete;
    backend& operator=(const backend&) = delete;
    /// No operation may be under way.
    virtual ~backend() = default;

    virtual std::string_view name() const noexcept = 0;
    virtual const capability_table& capabilities() const noexcept = 0;
    virtual submitted submit(operation& op) noexcept = 0;
    /// All of them at once, if the mechanism itself can see to the order. \return false if not, and then nothing was
    /// done and the loop starts one after the other. After true each gets its finish(), those that were not begun with
    /// -ECANCELED, one that was ended by its limit with -ETIMEDOUT; -EAGAIN, -EINTR, and a -ECANCELED for which there
    /// is no reason, say that the mechanism has let go of the chain: the loop goes on from there, one by one. What an
    /// opener answers is a handle for submit(), which must be closed. The result of a send is 0 as soon as it has
    /// ended without an error, and send_op::transferred says how far it came.
    virtual bool submit_linked(linked_operation& /*first*/) noexcept { return false; }
    /// Hands what was collected by submit() to the kernel without waiting.
    virtual void flush() noexcept = 0;
    /// Flushes, then waits until something is finished, wake() is called or `deadline` (never: no limit) passes, and
    /// collects everything that is finished. A deadline at or before `now` only polls. `now` is the time only where
    /// the deadline is one, since reading the clock costs: with time_point::min() or never, it is time_point::min().
    virtual void wait(time_point now, time_point deadline, completions& out) noexcept = 0;
    virtual void cancel(operation& op, completions& out) noexcept = 0;
    /// Makes the current or next wait() return soon. Any thread.
    virtual void wake() noexcept = 0;

    virtual backend_statistics statistics() const noexcept = 0;
    /// What it has besides its operations, and what it was asked for and has not.
    virtual std::vector<feature_report> features() const { return {}; }
    /// Many operations on files will use this memory, which stays until it is told otherwise. \return its number, or
    /// -errno; the operations can use it all the same.
    virtual int register_memory(std::span<std::byte> /*memory*/) noexcept { return -EOPNOTSUPP; }
    /// No operation that uses it may be under way.
    virtual void unregister_memory(int /*region*/) noexcept {}
    /// A descriptor by which another loop's backend of this mechanism can wake this one; -1: only wake() does. Any
    /// thread.
    virtual int door() const noexcept { return -1; }
    /// Its own machine, or null: the one that the program runs on.
    virtual machine* own_machine() noexcept { return nullptr; }
};

/// What the loop lends a backend; outlives it.
struct backend_environment {
    const backend_options& options;
    buffer_pool& buffers;
    class worker_pool& workers;
};

/// One entry of the registry (src/backend/registry.cpp).
struct mechanism {
    std::string_view name;
    std::string_view description;  ///< one line for people
    bool automatic;                ///< whether `auto` may take it
    bool by_readiness = false;     ///< it lets others do the work on files, who can be chosen
    bool triggers = false;         ///< backend_options::trigger and exclusive_accept are for it
    bool seeded = false;           ///< backend_options::seed is for it
    /// Sets one up by trying the real thing. \return the backend, or why it cannot be had here.
    std::expected<std::unique_ptr<backend>, setup_error> (*create)(const backend_environment& environment);
};

}  // namespace penstock::detail
