// The loop: one thread's engine. It submits operations to a backend, delivers completions, fires timers.
#pragma once

#include <penstock/backend_options.hpp>
#include <penstock/buffer_pool.hpp>
#include <penstock/detail/cancel.hpp>
#include <penstock/detail/frame_arena.hpp>
#include <penstock/detail/timer_heap.hpp>
#include <penstock/explain.hpp>
#include <penstock/operation.hpp>
#include <penstock/result.hpp>
#include <penstock/statistics.hpp>
#include <penstock/task.hpp>
#include <penstock/time.hpp>

#include <functional>
#include <memory>
#include <span>
#include <string>

namespace penstock {

class loop;

struct loop_options {
    /// A backend's name, or `auto`: the best that works here, or what the environment variable PENSTOCK_BACKEND says.
    std::string backend = "auto";
    backend_options bounds = {};
    buffer_pool_options buffers = {};
    /// Ready items run per turn before the kernel is asked again.
    std::uint32_t turn_budget = 1024;
    /// Operations per turn that may complete at once without suspending their task; fairness, not correctness.
    std::uint32_t immediate_budget = 256;
    /// Threads for run_blocking and for files where the backend has no better way; started when first needed.
    unsigned worker_threads = 4;
    /// Jobs that may wait for such a thread.
    std::size_t worker_queue = 1024;
    /// Functions that other threads may have posted and that were not run yet.
    std::size_t post_capacity = 1024;
    /// Messages of other loops that may wait (see send_to_loop()).
    std::size_t message_capacity = 1024;
    /// Pipes that transfer() may have open at once (two descriptors each); beyond them it copies. 0: always.
    std::size_t transfer_pipes = 128;
    /// How long the end of the loop waits for operations and blocking jobs that do not end.
    duration shutdown_limit = std::chrono::seconds(10);
};

namespace detail {

/// Something that lives in the loop, at one address, under a movable public handle: a stream, a listener.
struct record : list_hook {
    /// The loop ends: let go of everything. Called on the loop's thread, at most once.
    void (*shut_down)(record&) noexcept = nullptr;
};

/// A timer that fires when a descriptor was freed, or after 100 ms since others may free some too.
struct descriptor_waiter : timer_node, list_hook {};

/// Who waits for a message of another loop.
struct loop_message_waiter : ready_item {
    loop_message what;
};

/// What there is for one who would wait for a message.
enum class message_wait : std::uint8_t {
    begun,     ///< none yet: it is in the ready queue when one comes
    there,     ///< one, at once
    deferred,  ///< one, but it is others' turn: it is in the ready queue
    busy,      ///< somebody else waits already
};

struct loop_core;
extern thread_local constinit loop* current_loop;  ///< set while the loop runs on this thread

}  // namespace detail

using detail::current_loop;

/// One thread's engine. Create it on the thread that will run it (the kernel ties rings to their creator) and use it
/// there; only post(), request_stop() and the functions documented so may be called from other threads. It must not be
/// used in a forked child: that aborts with a message.
class loop {
  public:
    /// Sets up a loop on this thread. \return it, or one line about what was wrong and what to do.
    static std::expected<std::unique_ptr<loop>, setup_error> create(loop_options options = {});
    /// Ends everything that is still under way: cancels, awaits all final completions, then frees. No task may be
    /// running; leases must have ended.
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    /// Runs `work` to its end and returns what it returns. Tasks and operations started by it and not finished go on
    /// only while the loop runs.
    template <class T>
    T run(task<T> work) {
        root_task root;
        detail::cancel_state cancel;
        drive(work.prepare(cancel, root), root, cancel);
        return work.take_result();
    }

    /// The time of this turn; read at most once per turn, so it is cheap and a little old.
    time_point now() noexcept {
        if (!now_is_fresh_) {
            now_ = read_clock();
            now_is_fresh_ = true;
        }
        return now_;
    }

    /// The time at this moment rather than of the turn, for what measures or logs. The time that now() tells and that
    /// deadlines mean, so in a simulation it is not the clock's.
    time_point read_clock() const noexcept { return time_ == nullptr ? clock::now() : time_->now(); }

    /// Runs `function` on the loop's thread soon, while run() runs; dropped, not run, if the loop ends first. Any
    /// thread.
    /// \return false if post_capacity is reached; nothing was kept then.
    bool post(std::move_only_function<void()> function);

    /// Cancels whatever run() runs, or if it does not run, the next that it will. Any thread, also from a
    /// std::stop_callback; not from a signal handler. The loop may end while this call is still on its way out (so may
    /// it in post() and enqueue_remote()): its end waits for it.
    void request_stop() noexcept;

    /// Where other loops send messages to this one; send_to_loop(). Any thread.
    loop_address address();

    const explanation& explain() const noexcept;
    loop_statistics statistics() const;
    buffer_pool& buffers() noexcept;
    const loop_options& options() const noexcept;

    // --- For the layers above: operations, timers, records ---

    /// Submits an operation. \return true if it is under way: op.run will be called from the loop. False if it has
    /// completed; its result is final and op.run will not be called.
    bool start(detail::operation& op) noexcept;
    /// Asks for an operation to end. Harmless at any time.
    void cancel(detail::operation& op) noexcept;
    /// Puts an item at the end of the ready queue. It must not be in it.
    void enqueue(detail::ready_item& item) noexcept;
    /// The same, but after the kernel was asked what else there is.
    void enqueue_next_turn(detail::ready_item& item) noexcept;
    /// As enqueue(), from any thread; never refused.
    void enqueue_remote(detail::ready_item& item) noexcept;
    void set_timer(detail::timer_node& timer, time_point deadline) noexcept { timers_.set(timer, deadline); }
    void cancel_timer(detail::timer_node& timer) noexcept { timers_.cancel(timer); }
    void add_record(detail::record& r) noexcept;
    void remove_record(detail::record& r) noexcept;
    detail::frame_arena& frames() noexcept { return frames_; }
    /// True on every 64th call: a task that ends then hands over through the ready queue, which bounds the stack
    /// where the compiler does not turn the transfer into a jump.
    bool transfer_through_queue() noexcept { return (++transfers_ & 63U) == 0; }
    /// Descriptors were freed: listeners that paused for lack of them may go on.
    void note_descriptor_freed() noexcept;
    void await_descriptor(detail::descriptor_waiter& waiter) noexcept;
    void cancel_timer(detail::descriptor_waiter& waiter) noexcept;
    /// See receive_from_loops().
    detail::message_wait await_message(detail::loop_message_waiter& waiter);
    /// \return whether it has waited, and has no message.
    bool abandon_message(detail::loop_message_waiter& waiter) noexcept;
    /// See fs::buffer_arena. \return its number, or -errno if the mechanism has no use for it.
    int register_memory(std::span<std::byte> memory) noexcept;
    void unregister_memory(int region) noexcept;
    /// Where layers above count what only they can see.
    loop_statistics& figures() noexcept;
    detail::loop_core& core() noexcept { return *core_; }

  private:
    friend struct detail::loop_core;
    explicit loop(std::unique_ptr<detail::loop_core> core);
    struct root_task : detail::task_owner {
        root_task() noexcept {
            done = [](task_owner& self, detail::promise_base&) noexcept { static_cast<root_task&>(self).ended = true; };
        }
        bool ended = false;
    };
    void drive(detail::ready_item& first, const root_task& root, detail::cancel_state& cancel);

    // Destroyed last to first: the core (backend, then buffers) before the frames it may still name.
    detail::frame_arena frames_;
    detail::timer_heap timers_;
    const detail::time_source* time_ = nullptr;  // null: the clock
    time_point now_{};
    bool now_is_fresh_ = false;
    std::uint32_t transfers_ = 0;
    std::unique_ptr<detail::loop_core> core_;
};

}  // namespace penstock
