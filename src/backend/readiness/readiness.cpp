#include "backend/readiness/readiness.hpp"

#include "backend/default_capabilities.hpp"
#include "backend/readiness/speaks_tcp.hpp"
#include "op/call.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {

readiness_backend::readiness_backend(const backend_environment& environment, waker wake)
    : waker_(std::move(wake)),
      buffers_(environment.buffers),
      capabilities_(readiness_capabilities(environment.options)),
      offload_(std::in_place, environment.workers, environment.buffers, *this, environment.options.queue_entries),
      sleepers_(std::in_place, environment, *this) {}

std::expected<void, setup_error> readiness_backend::set_up(const backend_environment& environment) {
    auto made = make_file_path(environment.options.files, {.owner = *this,
                                                           .pool = *offload_,
                                                           .wake_descriptor = waker_.fd(),
                                                           .most = environment.options.queue_entries,
                                                           .aio_slots = environment.options.aio_slots});
    if (!made) return std::unexpected(std::move(made.error()));
    files_ = std::move(*made);
    if (files_ != nullptr) files_->describe(capabilities_);
    return {};
}

direction readiness_backend::side_of(const operation& op) noexcept {
    return waits_on(op) == wait_side::write ? direction::write : direction::read;
}

backend_statistics readiness_backend::statistics() const noexcept {
    backend_statistics s = counted_;
    if (zero_copy_ != nullptr) {
        s.zero_copy_sends = zero_copy_->sent();
        s.zero_copy_copied = zero_copy_->copied();
    }
    s.offloaded = offload_->under_way() + sleepers_->under_way() + (files_ == nullptr ? 0 : files_->under_way());
    return s;
}

submitted readiness_backend::submit(operation& op) noexcept {
    op.backend_flags = 0;
    if (capabilities_[op.kind].support == support::unsupported) {
        op.result = -EOPNOTSUPP;
        return submitted::completed;
    }
    switch (waits_on(op)) {
        case wait_side::time:
        case wait_side::none: return submit_immediate(op);
        case wait_side::file: return to_file_path(op);
        case wait_side::wake_up: set_place(op, asleep); return sleepers_->submit(op);
        case wait_side::read:
        case wait_side::write: return submit_waiting(op);
    }
    return submitted::busy;
}

submitted readiness_backend::submit_immediate(operation& op) noexcept {
    if (op.kind == op_kind::close) {
        const std::int32_t fd = as<close_op>(op).target.id;
        descriptor_state& state = descriptors_[fd];
        state.shared |= as<close_op>(op).forget_only;  // it lives on elsewhere, whoever made it
        unwatch(fd, state);
        if (state.may_lend && state.shared) zero_copy_->forget(fd);
        if (files_ != nullptr) files_->closed(fd);
        state = {.generation = state.generation + 1};
    }
    op.result = make_immediate(op);
    if (op.result >= 0) op.result = admit_opened(op);
    if (op.kind == op_kind::shutdown && op.result == 0) {
        const std::int32_t fd = as<shutdown_op>(op).target.id;
        shut_down(fd, descriptors_[fd]);
    }
    note_opened(op);
    return submitted::completed;
}

std::int32_t readiness_backend::make_immediate(operation& op) noexcept {
    if (op.kind == op_kind::accept) return accept_one(as<accept_op>(op));
    if (op.kind != op_kind::splice) return call(op, call_mode::no_wait);
    descriptor_state& state = descriptors_[as<splice_op>(op).source.id];
    if (!state.may_read) return -EAGAIN;
    const std::int32_t r = call(op, call_mode::no_wait);
    if (r == -EAGAIN) state.may_read = false;
    return r;
}

submitted readiness_backend::submit_waiting(operation& op) noexcept {
    descriptor_state& state = descriptors_[wait_handle(op).id];
    const direction side = side_of(op);
    // A poll may be for the end of the other side only.
    if (op.kind != op_kind::poll && (side == direction::read ? state.no_reads : state.no_writes)) {
        op.result = -EBADF;
        return submitted::completed;
    }
    if (state.never_waits) return to_file_path(op);
    operation*& occupant = state.at(side);
    if (occupant != nullptr) {
        op.result = -EBUSY;
        return submitted::completed;
    }
    occupant = &op;
    const auto outcome = worth_trying(op, state) ? proceed(op, state) : start_waiting(op, state);
    if (!outcome) return submitted::queued;
    occupant = nullptr;
    if (place_of(op) == offloaded) return to_file_path(op);
    op.result = *outcome;
    return submitted::completed;
}

submitted readiness_backend::to_file_path(operation& op) noexcept {
    set_place(op, offloaded);
    if (files_ != nullptr) {
        if (const auto taken = files_->submit(op)) return *taken;
    }
    return submit_file(op);
}

submitted readiness_backend::submit_file(operation& op) noexcept { return offload_->submit(op); }

bool readiness_backend::worth_trying(const operation& op, const descriptor_state& state) const noexcept {
    switch (op.kind) {
        case op_kind::connect:
        case op_kind::send:
        case op_kind::send_message:
        case op_kind::poll: return true;  // of a poll nothing is known from the last one, which took nothing
        case op_kind::splice: return side_of(op) == direction::write || state.may_read;
        case op_kind::accept:
        case op_kind::receive:
        case op_kind::receive_message:
        case op_kind::read: return state.may_read;
        // A descriptor that was never waited for could be a file, on which a write would sleep.
        default: return false;
    }
}

std::optional<std::int32_t> readiness_backend::proceed(operation& op, descriptor_state& state) noexcept {
    set_place(op, attempting);
    if (zero_copy_ != nullptr && is_for_zero_copy(op, state)) return proceed_by_lending(op, state);
    const auto outcome = attempt(op, state);
    return outcome ? after_attempt(op, state, *outcome) : std::nullopt;
}

std::optional<std::int32_t> readiness_backend::attempt(operation& op, descriptor_state&) noexcept {
    return call_now(op);
}

std::int32_t readiness_backend::call_now(operation& op) noexcept {
    if (op.kind == op_kind::receive || op.kind == op_kind::read) {
        return receive_into_pool(as<receive_op>(op), buffers_, call_mode::no_wait);
    }
    if (op.kind == op_kind::connect) {
        if ((op.backend_flags & connect_started) != 0) return connect_outcome(as<connect_op>(op).target);
        op.backend_flags |= connect_started;
    }
    if (op.kind == op_kind::accept) return accept_one(as<accept_op>(op));
    return call(op, call_mode::no_wait);
}

std::int32_t readiness_backend::accept_one(accept_op& op) noexcept { return call(op, call_mode::no_wait); }

std::optional<std::int32_t> readiness_backend::after_attempt(operation& op, descriptor_state& state,
                                                             std::int32_t outcome) noexcept {
    const bool stale = (op.backend_flags & readied) != 0;
    op.backend_flags &= static_cast<std::uint8_t>(~readied);
    if (!stale) learn_from(op, state, outcome);
    if (outcome == -EAGAIN || outcome == -EINTR) {
        if (op.cancel_requested) return -ECANCELED;
        return stale ? proceed(op, state) : start_waiting(op, state);
    }
    if (outcome == -ENOBUFS && (op.kind == op_kind::receive || op.kind == op_kind::read)) {
        if (op.cancel_requested) return -ECANCELED;
        set_place(op, parked);
        ++counted_.parked;
        parked_[as<receive_op>(op).credit.buffer_class].push_back(op);
        return std::nullopt;
    }
    if (op.kind == op_kind::accept) note_opened(op);
    return outcome;
}

// What has just been received may be in a buffer of another class than would be taken now.
void readiness_backend::learn_from(const operation& op, descriptor_state& state, std::int32_t outcome) noexcept {
    if (side_of(op) != direction::read) return;
    const bool took_all =
        op.kind == op_kind::receive && outcome > 0 && state.short_means_empty && !state.hung_up &&
        static_cast<std::uint32_t>(outcome) < buffers_.size_of_newest(static_cast<const receive_op&>(op).received);
    if (outcome == -EAGAIN || took_all || state.asks_each_time) state.may_read = false;
    if (outcome == -EAGAIN) state.hung_up = false;  // the end was not ahead: it was urgent data, or a suspicion
}

std::optional<std::int32_t> readiness_backend::start_waiting(operation& op, descriptor_state& state) noexcept {
    set_place(op, waiting);
    const std::int32_t refused = watch(wait_handle(op).id, state, side_of(op));
    if (refused == 0) return std::nullopt;
    if (refused == -EPERM) {
        state.never_waits = true;
        set_place(op, offloaded);
    }
    return refused;
}

void readiness_backend::on_ready(std::int32_t fd, std::uint32_t generation, readiness what) noexcept {
    descriptor_state& state = descriptors_[fd];
    if (state.generation != generation) return;  // an event for what this number meant before
    state.hung_up |= what.hang_up;
    state.may_read |= what.readable || what.hang_up;
    const bool ready[2] = {what.readable || what.hang_up, what.writable || what.hang_up};
    for (const direction side : {direction::read, direction::write}) {
        operation* const op = state.at(side);
        if (op == nullptr || !ready[static_cast<std::size_t>(side)]) continue;
        if (place_of(*op) == attempting) op->backend_flags |= readied;
        if (place_of(*op) != waiting) continue;
        if (const auto outcome = proceed(*op, state)) conclude(*op, *outcome);
    }
}

void readiness_backend::not_pollable(std::int32_t fd, direction side) noexcept {
    descriptor_state& state = descriptors_[fd];
    state.never_waits = true;
    operation* const op = state.at(side);
    if (op == nullptr || place_of(*op) != waiting) return;
    state.at(side) = nullptr;
    switch (to_file_path(*op)) {
        case submitted::queued: return;
        case submitted::completed: out_->finish(*op, op->result); return;
        case submitted::busy: out_->finish(*op, encode(errc::queue_full)); return;
    }
}

void readiness_backend::settle(operation& op, std::int32_t outcome) noexcept {
    if (place_of(op) == offloaded) {
        out_->finish(op, outcome);
        return;
    }
    descriptor_state& state = descriptors_[wait_handle(op).id];
    if (const auto final = after_attempt(op, state, outcome)) conclude(op, *final);
}

void readiness_backend::conclude(operation& op, std::int32_t outcome) noexcept {
    descriptor_state& state = descriptors_[wait_handle(op).id];
    state.at(side_of(op)) = nullptr;
    if (place_of(op) == offloaded) {
        switch (to_file_path(op)) {
            case submitted::queued: return;
            case submitted::completed: outcome = op.result; break;
            case submitted::busy: outcome = encode(errc::queue_full); break;
        }
    }
    out_->finish(op, outcome);
}

std::int32_t readiness_backend::admit_opened(operation& op) noexcept {
    std::int32_t r = 0;
    switch (op.kind) {
        case op_kind::adopt: r = admit(op.result); return r < 0 ? r : op.result;  // still its owner's
        case op_kind::socket:
        case op_kind::signals:
            r = admit(op.result);
            if (r < 0) ::close(op.result);
            return r < 0 ? r : op.result;
        case op_kind::pipe: {
            const auto [read_end, write_end] = std::pair(as<pipe_op>(op).read_end.id, as<pipe_op>(op).write_end.id);
            r = admit(std::max(read_end, write_end));
            if (r < 0) ::close(read_end), ::close(write_end);
            return r < 0 ? r : op.result;
        }
        default: return op.result;
    }
}

void readiness_backend::note_opened(operation& op) noexcept {
    if (op.result < 0 && op.kind != op_kind::accept) return;
    switch (op.kind) {
        case op_kind::socket:
        case op_kind::signals:
        case op_kind::adopt: opened(op.result, descriptors_[op.result], op); return;
        case op_kind::pipe:
            opened(as<pipe_op>(op).read_end.id, descriptors_[as<pipe_op>(op).read_end.id], op);
            opened(as<pipe_op>(op).write_end.id, descriptors_[as<pipe_op>(op).write_end.id], op);
            return;
        case op_kind::accept: {
            const auto& accepted = as<accept_op>(op).accepted;
            if (!accepted.empty()) opened(accepted.newest().id, descriptors_[accepted.newest().id], op);
            return;
        }
        default: return;  // no new descriptor, or one of a file, which needs no state
    }
}

void readiness_backend::opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept {
    switch (by.kind) {
        case op_kind::socket: {
            const auto& request = static_cast<const socket_op&>(by);
            state.short_means_empty =
                request.type == socket_type::stream && request.family != address_family::unix_path;
            return;
        }
        case op_kind::accept:
            state.short_means_empty = descriptors_[static_cast<const accept_op&>(by).listener.id].short_means_empty;
            return;
        case op_kind::adopt: {
            struct ::stat status{};
            state.shared = true;
            state.asks_each_time = !static_cast<const adopt_op&>(by).listening;
            state.short_means_empty = static_cast<const adopt_op&>(by).listening && speaks_tcp(fd);
            const int mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
            state.no_reads = mode == O_WRONLY;
            state.no_writes = mode == O_RDONLY;
            state.never_waits = ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
            return;
        }
        case op_kind::pipe:
        case op_kind::signals: state.asks_each_time = true; return;
        default: return;
    }
}

void readiness_backend::cancel(operation& op, completions& out) noexcept {
    op.cancel_requested = true;
    if (zero_copy_sends::lending(op) && !end_lending(as<send_op>(op), out)) return;
    switch (place_of(op)) {
        case nowhere: return;
        case parked: op.unlink(); [[fallthrough]];
        case waiting:
            descriptors_[wait_handle(op).id].at(side_of(op)) = nullptr;
            out.finish(op, -ECANCELED);
            return;
        case offloaded:
            if (files_ != nullptr && files_->cancel(op, out)) return;
            if (!offload_->owns(op) || !offload_->cancel(op, out)) cancel_attempt(op);
            return;
        case attempting: cancel_attempt(op); return;
        case asleep: sleepers_->cancel(op, out); return;
    }
}

void readiness_backend::retry_parked() noexcept {
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        if (parked_[c].empty()) continue;
        list<operation> again;
        again.take_all(parked_[c]);
        while (operation* const op = again.front()) {
            if (buffers_.available(c) == 0) break;
            op->unlink();
            if (const auto outcome = proceed(*op, descriptors_[wait_handle(*op).id])) conclude(*op, *outcome);
        }
        parked_[c].take_all(again);
    }
}

void readiness_backend::wait(time_point now, time_point deadline, completions& out) noexcept {
    out_ = &out;
    collect_files();
    retry_parked();
    if (files_ != nullptr) files_->flush();
    const bool deaf = zero_copy_ != nullptr && !hears_notices();  // no memory: it looks again and again
    collect(now, anything_to_deliver() || deaf ? now : deadline);
    collect_files();
}

void readiness_backend::collect_files() noexcept {
    if (files_ != nullptr) files_->collect(*out_);
    offload_->collect(*out_);
    sleepers_->collect(*out_);
}

}  // namespace penstock::detail
