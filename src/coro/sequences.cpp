#include <penstock/sequences.hpp>

#include "op/call.hpp"

#include <algorithm>
#include <cerrno>

namespace penstock {
namespace detail {

sequence_record::sequence_record(loop& owner, repeated_op& op) noexcept : home(owner), input(op) {
    shut_down = [](record& r) noexcept {
        auto& self = static_cast<sequence_record&>(r);
        if (!self.shutting) self.close(nullptr);
    };
}

bool sequence_record::await_next(ready_item& who) noexcept {
    // An outcome in the ready queue is heard first; see stream_record::await_input().
    if (!armed() && !input.ready && !has_something()) begin(*this);
    if (has_something() && !input.ready) return false;
    waiter = &who;
    return true;
}

void sequence_record::start_operation() noexcept {
    while (!has_something() && !home.start(input)) note_outcome();
}

void sequence_record::note_outcome() noexcept {
    if (input.result > 0) input.note(input.result);
    if (input.untaken >= repeated_op::most_untaken) ++home.figures().sequence_pauses;
    if (input.result < 0 && !(shutting && input.result == -ECANCELED)) failure = input.result;
}

void sequence_record::on_input() noexcept {
    input.ready = false;
    if (input.final) note_outcome();
    if (shutting) {
        if (!armed()) close_when_unused();
        return;
    }
    if (waiter != nullptr && !has_something() && !armed()) begin(*this);
    tell();
}

void sequence_record::tell() noexcept {
    if (waiter == nullptr || !has_something()) return;
    ready_item* const who = std::exchange(waiter, nullptr);
    home.enqueue(*who);
}

void sequence_record::close(ready_item* who) noexcept {
    shutting = true;
    closed_for = who;
    stop(*this);
    if (ready_item* const waiting = std::exchange(waiter, nullptr)) home.enqueue(*waiting);
    if (armed()) {
        home.cancel(input);
    } else {
        close_when_unused();
    }
}

void sequence_record::close_when_unused() noexcept {
    if (armed() || input.ready || held) return;
    release(*this);
}

void sequence_record::finish_closing() noexcept {
    if (closed_for != nullptr) home.enqueue(*closed_for);
    home.remove_record(*this);
    destroy(*this);
}

// --- Readiness

readiness_record::readiness_record(loop& owner, handle adopted, bool for_writing) noexcept
    : sequence_record(owner, polling), polling(*this, adopted, for_writing), forgetting(*this, adopted, true) {
    polling.many = true;
    polling.run = [](ready_item& item) noexcept { static_cast<of_sequence<poll_op>&>(item).self.on_input(); };
    forgetting.run = [](ready_item& item) noexcept { static_cast<of_sequence<close_op>&>(item).self.finish_closing(); };
    begin = [](sequence_record& r) noexcept { r.start_operation(); };
    stop = [](sequence_record&) noexcept {};
    release = [](sequence_record& r) noexcept {
        if (!r.home.start(static_cast<readiness_record&>(r).forgetting)) r.finish_closing();
    };
    destroy = [](sequence_record& r) noexcept { delete static_cast<readiness_record*>(&r); };
}

result<ready_sides> readiness_record::take() noexcept {
    if (polling.untaken == 0) return std::unexpected(decode(std::exchange(failure, 0)));
    polling.untaken = 0;
    return ready_sides_of(std::exchange(polling.found, 0));
}

// --- Ticks

namespace {

/// A mechanism may end a clock by itself after many ticks. Then it is started anew: nobody said that it is to stop.
void on_tick(tick_record& clock) noexcept {
    const bool to_go_on = clock.ticking.final && clock.ticking.result > 0 && !clock.shutting;
    clock.on_input();
    if (to_go_on && !clock.armed() && !clock.ticking.full()) static_cast<void>(clock.home.start(clock.ticking));
}

}  // namespace

tick_record::tick_record(loop& owner, duration period) noexcept
    : sequence_record(owner, ticking), ticking(*this, period) {
    ticking.run = [](ready_item& item) noexcept {
        on_tick(static_cast<tick_record&>(static_cast<of_sequence<tick_op>&>(item).self));
    };
    timer.self = this;
    timer.fire = [](timer_node& t) noexcept { static_cast<own_timer&>(t).self->on_timer(); };
    begin = [](sequence_record& r) noexcept { static_cast<tick_record&>(r).start_clock(); };
    stop = [](sequence_record& r) noexcept { r.home.cancel_timer(static_cast<tick_record&>(r).timer); };
    release = [](sequence_record& r) noexcept { r.finish_closing(); };
    destroy = [](sequence_record& r) noexcept { delete static_cast<tick_record*>(&r); };
}

void tick_record::start_clock() noexcept {
    if (home.explain().capabilities[op_kind::tick].support == support::native) {
        start_operation();
    } else if (!timer.set) {
        home.set_timer(timer, later(home.now(), ticking.period));
    }
}

void tick_record::on_timer() noexcept {
    ticking.note(1);
    if (ticking.full()) {
        ++home.figures().sequence_pauses;
    } else {
        home.set_timer(timer, later(home.now(), ticking.period));
    }
    tell();
}

result<std::uint64_t> tick_record::take() noexcept {
    if (ticking.untaken == 0) return std::unexpected(decode(std::exchange(failure, 0)));
    return std::exchange(ticking.untaken, 0);
}

namespace {

template <class Op>
using must_run = awaited<Op, cancellable::no>;

task<result<readiness_sequence>> watch(int descriptor, bool for_writing) {
    const auto taken = co_await must_run<adopt_op>(descriptor);
    if (taken < 0) co_return std::unexpected(decode(taken));
    auto* const record = new readiness_record(*current_loop, handle{taken}, for_writing);
    current_loop->add_record(*record);
    co_return readiness_sequence(*record);
}

}  // namespace
}  // namespace detail

task<result<readiness_sequence>> watch_readable(int descriptor) { return detail::watch(descriptor, false); }

task<result<readiness_sequence>> watch_writable(int descriptor) { return detail::watch(descriptor, true); }

tick_sequence every(duration period) {
    const duration at_least = std::chrono::microseconds(1);
    auto* const record = new detail::tick_record(*current_loop, std::max(period, at_least));
    current_loop->add_record(*record);
    return tick_sequence(*record);
}

}  // namespace penstock
