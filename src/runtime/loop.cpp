#include <penstock/loop.hpp>

#include "base/check.hpp"
#include "base/fork_guard.hpp"
#include "base/sigpipe.hpp"
#include "runtime/loop_core.hpp"

#include <fcntl.h>

#include <algorithm>
#include <bitset>
#include <cerrno>
#include <cstdio>
#include <string>
#include <thread>

namespace penstock {
namespace detail {

thread_local constinit loop* current_loop = nullptr;

bool transfer_through_queue() noexcept { return current_loop != nullptr && current_loop->transfer_through_queue(); }

void enqueue_on_current_loop(ready_item& item) noexcept { current_loop->enqueue(item); }

namespace {

constexpr std::uint64_t sample_every = 64;  // turns; reading the clock twice in each would cost more than it tells
constexpr duration descriptor_retry = std::chrono::milliseconds(100);
constexpr duration space_retry = std::chrono::milliseconds(100);
constexpr std::size_t line_count = op_kind_count + most_buffer_classes;

/// Those of one kind wait for space in a line, and reads in one for each size of buffers.
std::size_t line_of(const operation& op) noexcept {
    const auto kind = static_cast<std::size_t>(op.kind);
    return op.kind == op_kind::read ? op_kind_count + static_cast<const receive_op&>(op).credit.buffer_class : kind;
}

}  // namespace

void loop_core::check_process() const noexcept {
    PENSTOCK_CHECK(born_in == fork_generation(),
                   "a loop was used in a forked child; create a loop of its own there, or fork only to exec");
}

void loop_core::begin(cancel_state& cancel, const bool& task_ended) noexcept {
    PENSTOCK_CHECK(ended == nullptr, "loop::run() was called from inside run()");
    root = &cancel;
    ended = &task_ended;
}

void loop_core::leave() noexcept {
    root = nullptr;
    ended = nullptr;
}

bool loop_core::has_work(const loop& self, time_point now) const noexcept {
    return !done.empty() || !next_turn.empty() || !no_space.empty() || notified.load(std::memory_order_relaxed) ||
           self.timers_.next() <= now;
}

time_point loop_core::next_timer(const loop& self) noexcept { return self.timers_.next(); }

bool loop_core::must_not_wait() noexcept {
    if (!done.empty() || !next_turn.empty() || notified.load(std::memory_order_relaxed)) return true;
    return shutting_down ? in_flight() == 0 : *ended;
}

// One round: run what is ready, then ask the kernel, waiting for it only if there is nothing left to do here.
void loop_core::turn(loop& self) noexcept {
    immediate_left = options.immediate_budget;
    const bool sampled = figures.turns++ % sample_every == 0;
    const std::uint64_t resumed_before = figures.resumed;
    const time_point began = sampled ? self.read_clock() : time_point{};
    if (!no_space.empty()) retry_no_space();  // before what deliver() starts, which came later
    if (!self.timers_.empty()) {
        while (timer_node* const timer = self.timers_.pop_due(self.now())) timer->fire(*timer);
    }
    deliver();
    if (!next_turn.empty()) done.ready().append(next_turn.take());
    if (notified.load(std::memory_order_acquire)) take_remote();
    if (message_for != nullptr) give_message();  // after the flag was cleared: what comes from here on wakes
    if (!no_space.empty()) retry_no_space();     // what was delivered may have made room
    if (own != nullptr) own->spend(figures.resumed - resumed_before);
    if (sampled) note_turn_time(self.read_clock() - began);

    // A deadline that is no later than `now` means: only look. The clock is read for a real one alone.
    const bool only_look = must_not_wait();
    time_point deadline = only_look ? time_point::min() : self.timers_.next();
    // What lacks space may lack what no completion will bring, such as a first worker thread.
    if (!only_look && !no_space.empty()) deadline = std::min(deadline, later(self.now(), space_retry));
    const bool timed = !only_look && deadline != never;
    mechanism->wait(timed ? self.now() : time_point::min(), deadline, done);
    self.now_is_fresh_ = false;
}

/// The box, and by which descriptor others may wake the loop, take up room only in loops that are sent messages.
const std::shared_ptr<message_box>& loop_core::open_box() {
    std::call_once(box_opened, [this] {
        const int door = mechanism->door();
        unique_fd copy(door < 0 ? -1 : ::fcntl(door, F_DUPFD_CLOEXEC, 0));
        box = std::make_shared<message_box>(options.message_capacity, *this, std::move(copy));
        opened.store(box.get(), std::memory_order_release);
    });
    return box;
}

void loop_core::give_message() noexcept {
    if (!box->take(message_for->what)) return;
    ++figures.messages;
    done.ready().push(*std::exchange(message_for, nullptr));
}

void loop_core::note_turn_time(duration worked) noexcept {
    ++figures.sampled_turns;
    figures.sampled_turn_time += worked;
    figures.longest_sampled_turn = std::max(figures.longest_sampled_turn, worked);
}

void loop_core::deliver() noexcept {
    std::uint32_t left = options.turn_budget;
    while (ready_item* const item = done.ready().front()) {
        if (left-- == 0) {
            ++figures.budget_exhausted;
            return;
        }
        done.ready().pop();
        ++figures.resumed;
        item->run(*item);
    }
}

void loop_core::take_remote() noexcept {
    // Whoever pushes also notifies, so nothing is there when nobody has. Cleared first: a wake-up for what is pushed
    // from here on must not be saved.
    // An exchange and not a store, since it must see what was pushed by everyone who found it set.
    static_cast<void>(notified.exchange(false, std::memory_order_acq_rel));
    for (ready_item* item = remote.take_all(); item != nullptr;) {
        ready_item* const following = item->next;
        done.ready().push(*item);
        item = following;
    }
    std::move_only_function<void()> function;
    std::uint32_t left = options.turn_budget;
    for (; left != 0 && posts.pop(function); --left) {
        if (!shutting_down) function();  // else dropped: what it was meant for is gone
    }
    if (left == 0) notify();  // more may be there: the next wait only polls
    if (stop_asked.load(std::memory_order_acquire) && root != nullptr) {
        stop_asked = false;
        root->request();
    }
}

// Each line in its own order, and for what it needs itself: who waits for a buffer must not hold up who waits for a
// queue entry, and may well be holding a buffer.
void loop_core::retry_no_space() noexcept {
    list<operation> again;
    again.take_all(no_space);
    std::bitset<line_count> refused;
    while (operation* const op = again.pop_front()) {
        const std::size_t line = line_of(*op);
        const submitted answer = refused[line] ? submitted::busy : mechanism->submit(*op);
        switch (answer) {
            case submitted::completed: done.finish(*op, op->result); break;
            case submitted::queued: op->state = op_state::submitted; break;
            case submitted::busy:
                refused.set(line);
                no_space.push_back(*op);
                break;
        }
    }
}

bool loop_core::start_linked(linked_operation& first) noexcept {
    check_process();
    for (linked_operation* l = &first; l != nullptr; l = l->following) {
        l->op->final = false;
        l->op->cancel_requested = false;
    }
    if (!mechanism->submit_linked(first)) return false;
    for (linked_operation* l = &first; l != nullptr; l = l->following) {
        l->op->state = op_state::submitted;
        ++queued;
    }
    return true;
}

void loop_core::notify() noexcept {
    if (notified.exchange(true, std::memory_order_seq_cst)) return;
    wakes.fetch_add(1, std::memory_order_relaxed);
    mechanism->wake();
}

void loop_core::shut_down(loop& self) noexcept {
    shutting_down = true;
    while (record* const r = records.pop_front()) r->shut_down(*r);
    pipes.close_idle(self);
    const time_point limit = later(self.read_clock(), options.shutdown_limit);
    // What has ended is also delivered: the end of a receive is what its stream waits for to be closed.
    while ((in_flight() != 0 || !done.empty()) && self.read_clock() < limit) {
        timer_node wake_up;  // so that a kernel that never answers can't hold the process for ever
        wake_up.fire = [](timer_node&) noexcept {};
        self.timers_.set(wake_up, limit);
        turn(self);
        self.timers_.cancel(wake_up);
    }
}

void loop_core::await_visitors() const noexcept {
    while (visitors.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

}  // namespace detail

using detail::loop_core;

loop::loop(std::unique_ptr<loop_core> core) : time_(core->own), core_(std::move(core)) {}

std::expected<std::unique_ptr<loop>, setup_error> loop::create(loop_options options) {
    auto core = std::make_unique<loop_core>(std::move(options));
    core->born_in = detail::fork_generation();
    auto chosen = detail::choose_backend(core->options.backend, core->options.bounds, core->buffers, core->workers);
    if (!chosen) return std::unexpected(std::move(chosen.error()));
    core->mechanism = std::move(chosen->backend);
    core->why = std::move(chosen->why);
    core->own = core->mechanism->own_machine();
    return std::unique_ptr<loop>(new loop(std::move(core)));
}

loop::~loop() {
    if (core_->born_in != detail::fork_generation()) {
        // A child's exit: the rings and buffers are the parent's, so nothing is told to the kernel.
        static_cast<void>(core_.release());
        return;
    }
    const detail::make_current current(this);
    const detail::sigpipe_block no_sigpipe;
    core_->shut_down(*this);
    if (core_->in_flight() != 0) {
        std::fprintf(stderr, "penstock: %llu operations did not end; leaving their memory to the kernel\n",
                     static_cast<unsigned long long>(core_->in_flight()));
        static_cast<void>(core_.release());
        return;
    }
    core_->await_visitors();
    if (detail::message_box* const box = core_->opened.load(std::memory_order_acquire)) box->close();
    core_->mechanism.reset();
    core_->workers.join(core_->options.shutdown_limit);
}

void loop::drive(detail::ready_item& first, const root_task& root, detail::cancel_state& cancel) {
    core_->check_process();
    const detail::make_current current(this);
    const detail::sigpipe_block no_sigpipe;
    core_->begin(cancel, root.ended);
    now_is_fresh_ = false;
    core_->done.ready().push(first);
    while (!root.ended) {
        core_->check_process();
        core_->turn(*this);
    }
    core_->leave();
}

bool loop::start(detail::operation& op) noexcept {
    core_->check_process();
    op.final = false;
    op.cancel_requested = false;
    switch (core_->mechanism->submit(op)) {
        case detail::submitted::completed:
            ++core_->figures.immediate;
            if (core_->immediate_left != 0) {
                --core_->immediate_left;
                op.final = true;
                return false;
            }
            // Enough for this turn: others come first, and this one hears of its result with the next.
            ++core_->figures.immediate_deferred;
            ++core_->queued;
            core_->done.finish(op, op.result);
            return true;
        case detail::submitted::queued: op.state = detail::op_state::submitted; break;
        case detail::submitted::busy:
            op.state = detail::op_state::no_space;
            ++core_->figures.busy;
            core_->no_space.push_back(op);
            break;
    }
    ++core_->queued;
    return true;
}

void loop::cancel(detail::operation& op) noexcept {
    switch (op.state) {
        case detail::op_state::idle: return;
        case detail::op_state::no_space:
            op.unlink();
            core_->done.finish(op, -ECANCELED);
            return;
        case detail::op_state::submitted: core_->mechanism->cancel(op, core_->done); return;
    }
}

void loop::enqueue(detail::ready_item& item) noexcept { core_->done.ready().push(item); }

void loop::enqueue_next_turn(detail::ready_item& item) noexcept { core_->next_turn.push(item); }

void loop::enqueue_remote(detail::ready_item& item) noexcept {
    loop_core& core = *core_;
    const detail::visit visiting(core.visitors);
    core.remote.push(item);
    core.notify();
}

bool loop::post(std::move_only_function<void()> function) {
    loop_core& core = *core_;
    const detail::visit visiting(core.visitors);
    if (!core.posts.push(function)) {
        core.post_refused.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    core.posted.fetch_add(1, std::memory_order_relaxed);
    core.notify();
    return true;
}

void loop::request_stop() noexcept {
    loop_core& core = *core_;
    const detail::visit visiting(core.visitors);
    core.stop_asked.store(true, std::memory_order_release);
    core.notify();
}

loop_address loop::address() { return loop_address(core_->open_box()); }

detail::message_wait loop::await_message(detail::loop_message_waiter& waiter) {
    loop_core& core = *core_;
    if (core.message_for != nullptr) return detail::message_wait::busy;
    if (!core.open_box()->take(waiter.what)) {
        core.message_for = &waiter;
        return detail::message_wait::begun;
    }
    ++core.figures.messages;
    if (core.immediate_left != 0) {
        --core.immediate_left;
        return detail::message_wait::there;
    }
    core.done.ready().push(waiter);
    return detail::message_wait::deferred;
}

bool loop::abandon_message(detail::loop_message_waiter& waiter) noexcept {
    if (core_->message_for != &waiter) return false;
    core_->message_for = nullptr;
    return true;
}

void loop::add_record(detail::record& r) noexcept {
    ++core_->figures.records;
    core_->records.push_back(r);
}

void loop::remove_record(detail::record& r) noexcept {
    --core_->figures.records;
    r.unlink();
}

void loop::await_descriptor(detail::descriptor_waiter& waiter) noexcept {
    core_->descriptor_waiters.push_back(waiter);
    timers_.set(waiter, now() + detail::descriptor_retry);
}

void loop::cancel_timer(detail::descriptor_waiter& waiter) noexcept {
    waiter.unlink();
    timers_.cancel(waiter);
}

void loop::note_descriptor_freed() noexcept {
    while (detail::descriptor_waiter* const waiter = core_->descriptor_waiters.pop_front()) {
        timers_.cancel(*waiter);
        timers_.set(*waiter, now());
    }
}

loop_statistics& loop::figures() noexcept { return core_->figures; }

const explanation& loop::explain() const noexcept { return core_->why; }
int loop::register_memory(std::span<std::byte> memory) noexcept { return core_->mechanism->register_memory(memory); }

void loop::unregister_memory(int region) noexcept { core_->mechanism->unregister_memory(region); }

buffer_pool& loop::buffers() noexcept { return core_->buffers; }
const loop_options& loop::options() const noexcept { return core_->options; }

loop_statistics loop::statistics() const {
    loop_statistics s = core_->figures;
    s.completions = core_->done.finished() + core_->done.delivered();
    s.timers = timers_.size();
    s.in_flight = static_cast<std::uint32_t>(core_->in_flight());
    for (auto* op = core_->no_space.front(); op != nullptr; op = core_->no_space.next(*op)) ++s.waiting_for_space;
    s.posted = core_->posted.load(std::memory_order_relaxed);
    s.post_refused = core_->post_refused.load(std::memory_order_relaxed);
    const detail::message_box* const box = core_->opened.load(std::memory_order_acquire);
    if (box != nullptr) s.messages_refused = box->refused();
    s.transfer_pipes = core_->pipes.open();
    s.large_transfer_pipes = detail::pipe_pool::large();
    s.transfer_pipes_refused = core_->pipes.refused();
    s.wakes = core_->wakes.load(std::memory_order_relaxed);
    s.buffers = core_->buffers.statistics();
    s.frames = frames_.statistics();
    const detail::backend_statistics of_backend = core_->mechanism->statistics();
    s.enters = of_backend.enters;
    s.parked = of_backend.parked;
    s.overflows = of_backend.overflows;
    s.slot_waits = of_backend.slot_waits;
    s.registrations = of_backend.registrations;
    s.descriptors_refused = of_backend.descriptors_refused;
    s.by_registered_file = of_backend.by_registered_file;
    s.by_registered_memory = of_backend.by_registered_memory;
    s.bundled_buffers = of_backend.bundled_buffers;
    s.shared_buffers = of_backend.shared_buffers;
    s.polled_on_disk = of_backend.polled_on_disk;
    s.zero_copy_sends = of_backend.zero_copy_sends;
    s.zero_copy_copied = of_backend.zero_copy_copied;
    s.offloaded = of_backend.offloaded;
    s.loops_rung = of_backend.loops_rung;
    const detail::worker_statistics of_workers = core_->workers.statistics();
    s.worker_threads = of_workers.threads;
    s.worker_queue = of_workers.queued;
    s.worker_queue_most = of_workers.most_queued;
    s.worker_refused = of_workers.refused;
    return s;
}

}  // namespace penstock
