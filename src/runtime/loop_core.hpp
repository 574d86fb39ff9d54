// What the public loop keeps out of its header.
#pragma once

#include "backend/backend.hpp"
#include "backend/registry.hpp"
#include "base/bounded_queue.hpp"
#include "base/mailbox.hpp"
#include "base/message_box.hpp"
#include "base/worker_pool.hpp"
#include "runtime/pipe_pool.hpp"
#include <penstock/loop.hpp>

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

namespace penstock::detail {

/// Another thread inside of the loop's code. What it brings may let the loop end before it has left (it pushes first
/// and wakes after), so the loop's end waits for it.
class visit {
  public:
    explicit visit(std::atomic<std::uint32_t>& visitors) noexcept : visitors_(visitors) {
        visitors_.fetch_add(1, std::memory_order_relaxed);  // what is pushed next publishes it
    }
    ~visit() { visitors_.fetch_sub(1, std::memory_order_release); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;

  private:
    std::atomic<std::uint32_t>& visitors_;
};

/// Makes a loop the current one of this thread, for as long as it lives.
class make_current {
  public:
    explicit make_current(loop* l) noexcept : before_(current_loop) { current_loop = l; }
    ~make_current() { current_loop = before_; }
    make_current(const make_current&) = delete;
    make_current& operator=(const make_current&) = delete;

  private:
    loop* before_;
};

/// A bound of nothing would let nothing through, for ever.
inline loop_options at_least_one(loop_options given) noexcept {
    given.turn_budget = std::max(given.turn_budget, 1U);
    given.worker_queue = std::max<std::size_t>(given.worker_queue, 1);
    given.bounds.queue_entries = std::max(given.bounds.queue_entries, 1U);
    given.bounds.most_sleeping = std::max(given.bounds.most_sleeping, 1U);
    return given;
}

struct loop_core : box_owner {
    explicit loop_core(loop_options given)
        : options(at_least_one(std::move(given))),
          buffers(options.buffers),
          workers(options.worker_threads, options.worker_queue),
          pipes(options.transfer_pipes),
          posts(options.post_capacity) {
        wake = [](box_owner& self) noexcept { static_cast<loop_core&>(self).notify(); };
    }

    /// From here on turns are for a task (or several) that `cancel` stops, until `task_ended` and leave().
    void begin(cancel_state& cancel, const bool& task_ended) noexcept;
    void leave() noexcept;
    void turn(loop& self) noexcept;
    /// Whether a turn at `now` would find something to do that needs no answer of the backend.
    bool has_work(const loop& self, time_point now) const noexcept;
    static time_point next_timer(const loop& self) noexcept;
    bool submit_job(job& work) noexcept { return own == nullptr ? workers.submit(work) : own->submit_job(work); }
    bool withdraw_job(job& work) noexcept { return own == nullptr ? workers.withdraw(work) : own->withdraw_job(work); }
    /// Hands a chain to the backend. \return false if it takes none such; nothing was done then.
    bool start_linked(linked_operation& first) noexcept;
    void deliver() noexcept;
    void take_remote() noexcept;
    const std::shared_ptr<message_box>& open_box();
    void give_message() noexcept;
    void note_turn_time(duration worked) noexcept;
    void retry_no_space() noexcept;
    bool must_not_wait() noexcept;
    void notify() noexcept;
    void check_process() const noexcept;
    void shut_down(loop& self) noexcept;
    void await_visitors() const noexcept;
    std::uint64_t in_flight() const noexcept { return queued - done.finished(); }

    loop_options options;
    explanation why;
    buffer_pool buffers;
    worker_pool workers;
    std::unique_ptr<backend> mechanism;
    machine* own = nullptr;  // of the mechanism; null: the real one
    pipe_pool pipes;

    completions done;  // also the ready queue
    queue<ready_item> next_turn;
    list<operation> no_space;
    list<record> records;
    list<descriptor_waiter> descriptor_waiters;
    std::uint32_t immediate_left = 0;
    std::uint64_t queued = 0;  // operations that will come out of `done`
    std::uint32_t born_in = 0;
    loop_statistics figures;
    cancel_state* root = nullptr;
    const bool* ended = nullptr;  // of the task that run() is for
    bool shutting_down = false;

    loop_message_waiter* message_for = nullptr;

    // What other threads touch.
    mailbox<ready_item> remote;
    bounded_queue<std::move_only_function<void()>> posts;
    std::once_flag box_opened;
    std::shared_ptr<message_box> box;
    std::atomic<message_box*> opened{nullptr};  // the same; null until somebody asks for it
    std::atomic<bool> notified{false};
    std::atomic<bool> stop_asked{false};
    std::atomic<std::uint32_t> visitors{0};
    std::atomic<std::uint64_t> posted{0};
    std::atomic<std::uint64_t> post_refused{0};
    std::atomic<std::uint64_t> wakes{0};
};

}  // namespace penstock::detail
