#include "backend/linux_aio/linux_aio_backend.hpp"

#include "backend/linux_aio/completion_tag.hpp"
#include "backend/linux_aio/kinds.hpp"
#include "backend/linux_aio/transfers.hpp"
#include "base/setup.hpp"
#include "op/call.hpp"

#include <poll.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

namespace penstock::detail {
namespace {

// A descriptor that is "ready" and yet has nothing could keep wait() busy past its deadline; the loop must go on.
constexpr int most_rounds = 32;

// How long to sleep before a batch that found no request slots is offered again, if nothing completes meanwhile.
constexpr ::timespec slot_pause{.tv_sec = 0, .tv_nsec = 1'000'000};

// Polls wait for long, transfers come and go. The kernel has twice the slots that were asked for, but may keep up to
// half of those aside for other processors, so a share stays free for transfers even then.
std::uint32_t most_polls(std::uint32_t slots) noexcept { return std::max(slots / 4 * 3, 4U); }

bool shorter(const ::timespec& a, const ::timespec& b) noexcept {
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

// Descriptors of our own are in non-blocking mode. Others' may not be, and their mode is not ours to change.
int nowait_flag(const descriptor_notes& notes) noexcept { return notes.has(descriptor_notes::ours) ? 0 : RWF_NOWAIT; }

// What has no iterator calls (inotify), no RWF_NOWAIT (terminals) or a position of its own.
bool refuses_aio(std::int32_t result, descriptor_notes notes) noexcept {
    if (result != -EINVAL && result != -EOPNOTSUPP && result != -ESPIPE) return false;
    if (notes.has(descriptor_notes::calls_only)) return false;
    notes.set(descriptor_notes::calls_only);
    return true;
}

setup_error cannot_poll(std::int32_t error) {
    if (error != -EINVAL) return setup_failure("io_submit", -error);
    return {std::error_code(EINVAL, std::system_category()),
            "io_submit: this kernel's native AIO cannot poll; that needs Linux 4.18"};
}

}  // namespace

linux_aio_backend::linux_aio_backend(const backend_environment& environment, waker wake, aio_ring ring,
                                     nested_epoll nested)
    : readiness_backend(environment, std::move(wake)),
      nested_(std::move(nested)),
      polls_(most_polls(ring.slots())),
      waker_slot_(polls_.take(waker_.fd(), POLLIN)),
      nested_slot_(polls_.take(nested_.fd(), POLLIN)),
      batch_(ring.slots()),
      ring_(std::move(ring)) {
    describe_linux_aio(mutable_capabilities());
}

std::expected<void, setup_error> linux_aio_backend::set_up(const backend_environment& environment) {
    arm_always(polls_[waker_slot_]);
    arm_always(polls_[nested_slot_]);
    const std::int32_t r = batch_.submit(ring_);
    if (r < 0 && r != -EAGAIN) return std::unexpected(cannot_poll(r));  // without slots the first wait() offers them
    const file_engine wanted = environment.options.files;
    files_by_itself_ = wanted == file_engine::automatic || wanted == file_engine::linux_aio;
    if (!files_by_itself_) return readiness_backend::set_up(environment);
    file_blocks::describe(mutable_capabilities());
    return {};
}

backend_statistics linux_aio_backend::statistics() const noexcept {
    backend_statistics s = readiness_backend::statistics();
    s.enters = ring_.calls();
    return s;
}

// --- The turn -------------------------------------------------------------------------------------------------------

void linux_aio_backend::collect(time_point now, time_point deadline) noexcept {
    if (!signals_.empty()) {
        if (now == time_point::min()) now = clock::now();  // the loop reads the clock for a deadline only
        ask_for_signals(now);
    }
    const wait_time limit(now, signals_.limit(deadline));
    for (int round = 0; round < most_rounds; ++round) {
        submit_batch();
        const std::uint32_t came = ring_.reap([this](const ::io_event& event) { completed(event); });
        if (anything_to_deliver() || woken_) break;
        // Polls that fired have left attempts in the batch: nothing to deliver yet, so they go at once.
        if (came != 0 && !batch_.empty()) continue;
        if (limit.only_polls() || !sleep(limit) || anything_to_deliver() || woken_) break;
    }
    woken_ = false;
}

// \return whether something came. All that is there by then is taken, so that its consequences share a batch.
bool linux_aio_backend::sleep(const wait_time& limit) noexcept {
    const auto deliver_event = [this](const ::io_event& event) { completed(event); };
    const ::timespec* longest = limit.relative();
    if (!batch_.empty() && (longest == nullptr || shorter(slot_pause, *longest))) longest = &slot_pause;
    if (ring_.wait(longest, deliver_event) == 0) return false;
    if (ring_.reads_in_user_space()) ring_.reap(deliver_event);
    return true;
}

void linux_aio_backend::submit_batch() noexcept {
    for (;;) {
        const std::int32_t r = batch_.submit(ring_);
        if (r == 0 || r == -EAGAIN) return;  // no slots: what is left is offered again after completions
        // An error concerns the first block only; the rest must not wait for it.
        refused(batch_.take_first(), r);
    }
}

bool linux_aio_backend::batch_has_room() noexcept {
    if (!batch_.full()) return true;
    // An error stays with its block until the next wait(), where it can be reported.
    static_cast<void>(batch_.submit(ring_));
    return !batch_.full();
}

void linux_aio_backend::refused(::iocb& block, std::int32_t error) noexcept {
    const completion_tag tag(block.aio_data);
    switch (tag.what()) {
        case completion_tag::kind::operation: transfer_ended(tag.op(), error); return;
        case completion_tag::kind::poll: poll_refused(tag.slot(), error); return;
        case completion_tag::kind::wake:  // a kernel whose eventfd has no iterator calls
            waker_.clear();
            woken_ = true;
            return;
    }
}

void linux_aio_backend::completed(const ::io_event& event) noexcept {
    const completion_tag tag(event.data);
    const auto result = static_cast<std::int32_t>(event.res);
    switch (tag.what()) {
        case completion_tag::kind::operation: transfer_ended(tag.op(), result); return;
        case completion_tag::kind::poll: poll_fired(tag.slot(), result); return;
        case completion_tag::kind::wake: woken_ = true; return;
    }
}

// --- Bytes ----------------------------------------------------------------------------------------------------------

std::optional<std::int32_t> linux_aio_backend::attempt(operation& op, descriptor_state& state) noexcept {
    if (!joins_batch(op.kind)) return call_now(op);
    return waits_on(op) == wait_side::read ? attempt_receive(as<receive_op>(op), state)
                                           : attempt_send(as<send_op>(op), state);
}

std::optional<std::int32_t> linux_aio_backend::attempt_receive(receive_op& op, descriptor_state& state) noexcept {
    const descriptor_notes notes(state);
    if (notes.has(descriptor_notes::calls_only) || !batch_has_room()) return call_now(op);
    const std::uint16_t buffer = buffers().take(op.credit.buffer_class);
    if (buffer == no_buffer) return -ENOBUFS;
    op.scratch = {buffer, 0};
    describe_receive(batch_.append(), op, buffers().data(buffer), buffers().size_of(buffer), nowait_flag(notes));
    return std::nullopt;
}

std::optional<std::int32_t> linux_aio_backend::attempt_send(send_op& op, descriptor_state& state) noexcept {
    const descriptor_notes notes(state);
    if (op.first == op.count) return 0;
    // What a command cannot say, that more follows, and what follows is a call of its own.
    if (op.more_follows || notes.has(descriptor_notes::calls_only) || !batch_has_room()) return call_now(op);
    op.scratch = {describe_send(batch_.append(), op, nowait_flag(notes)), 0};
    return std::nullopt;
}

void linux_aio_backend::transfer_ended(operation& op, std::int32_t result) noexcept {
    switch (waits_on(op)) {
        case wait_side::read: received(as<receive_op>(op), result); return;
        case wait_side::write: sent(as<send_op>(op), result); return;
        case wait_side::file: file_ended(op, result); return;
        case wait_side::wake_up:
        case wait_side::time:
        case wait_side::none: settle(op, result); return;
    }
}

void linux_aio_backend::received(receive_op& op, std::int32_t result) noexcept {
    descriptor_state& state = descriptors()[op.source.id];
    deliver(op, buffers(), static_cast<std::uint16_t>(op.scratch[0]), result);
    if (refuses_aio(result, descriptor_notes(state))) result = call_now(op);
    settle(op, result);
    if (result > 0) arm_ahead(state);
}

void linux_aio_backend::sent(send_op& op, std::int32_t result) noexcept {
    descriptor_state& state = descriptors()[op.target.id];
    if (refuses_aio(result, descriptor_notes(state))) return settle(op, call_now(op));
    if (result < 0) return settle(op, result);
    const auto taken = static_cast<std::size_t>(result);
    if (advance(op, taken)) return settle(op, 0);
    // A short one filled the socket, so the rest waits until there is space.
    if (taken < op.scratch[0] || op.cancel_requested) return settle(op, -EAGAIN);
    if (const auto outcome = attempt(op, state)) settle(op, *outcome);
}

// --- Files ----------------------------------------------------------------------------------------------------------

submitted linux_aio_backend::submit_file(operation& op) noexcept {
    if (!files_by_itself_ || !file_blocks_.takes(op)) return readiness_backend::submit_file(op);
    if (!batch_has_room()) return submitted::busy;
    op.scratch = {};
    ::iocb& block = batch_.append();
    file_blocks_.describe(block, op);
    block.aio_data = completion_tag::of(op);
    return submitted::queued;
}

void linux_aio_backend::file_ended(operation& op, std::int32_t result) noexcept {
    if (const auto final = file_blocks_.outcome(op, result)) return settle(op, *final);
    if (op.cancel_requested) return settle(op, -ECANCELED);
    hand_to_pool(op);
}

}  // namespace penstock::detail
