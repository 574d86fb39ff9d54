#include "backend/threads/threads_backend.hpp"

#include "backend/threads/interrupt_signal.hpp"
#include "backend/threads/threads.hpp"
#include "backend/zero_copy.hpp"
#include "base/setup.hpp"
#include "op/call.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

namespace penstock::detail {
namespace {

/// The signals of a request are read by signalfd from where they are pending, so ours must not be among them.
bool wants_interrupt_signal(const operation& op) noexcept {
    return op.kind == op_kind::signals &&
           (static_cast<const signals_op&>(op).mask >> (interrupt_signal() - 1) & 1) != 0;
}

/// Whether a signal gets a thread out of the operation. It does out of an open, of a FIFO without another
/// end.
bool can_be_interrupted(const operation& op) noexcept {
    return share_of(op.kind) != share::file || op.kind == op_kind::open;
}

}  // namespace

threads_backend::threads_backend(const backend_environment& environment)
    : buffers_(environment.buffers),
      capabilities_(blocking_capabilities(environment.options)),
      limits_(divide(environment.options.max_threads)),
      pool_(environment.options.max_threads, bell_) {}

backend_statistics threads_backend::statistics() const noexcept {
    return {.enters = sleeps_ + pool_.system_calls(), .parked = parked_count_, .offloaded = pool_.busy()};
}

// Waiting for the error queue would keep a thread for each send until the peer has acknowledged, and of those that send
// there are few.
std::vector<feature_report> threads_backend::features() const {
    return {{zero_copy_feature, false, "not done here: a send ends with its call, so that its thread is free again"}};
}

// --- Submitting ------------------------------------------------------------------------------------------

submitted threads_backend::submit(operation& op) noexcept {
    op.scratch = {0, no_buffer};
    if (capabilities_[op.kind].support == support::unsupported) {
        op.result = -EOPNOTSUPP;
        return submitted::completed;
    }
    // An accept that takes only what is there already never waits, whatever its kind does.
    switch (waits_on(op) == wait_side::none ? share::none : share_of(op.kind)) {
        case share::none: return submit_immediate(op);
        case share::file: return submit_file(op);
        case share::send: return submit_send(op);
        case share::wait: return submit_blocking(op);
    }
    return submitted::busy;
}

submitted threads_backend::submit_immediate(operation& op) noexcept {
    do {
        op.result = wants_interrupt_signal(op) ? -EINVAL : call(op, call_mode::blocking);
    } while (op.result == -EINTR);  // nobody cancels what is done here and now
    return submitted::completed;
}

// Most messages fit into the socket's buffer, and then a thread would only be woken to find that out. What is written
// to may be a file without an end of its own (a terminal, a FIFO), where asking costs as much as it saves.
submitted threads_backend::submit_send(operation& op) noexcept {
    if (op.kind == op_kind::send) {
        do {
            op.result = call(op, call_mode::no_wait);
        } while (op.result == -EINTR);
        if (op.result != -EAGAIN) return submitted::completed;
    }
    return submit_blocking(op);
}

submitted threads_backend::submit_blocking(operation& op) noexcept {
    if (under_way(op) == limit(op)) return refuse(op);
    if (const std::int32_t r = start(op); r < 0) {
        op.result = r;
        return submitted::completed;
    }
    ++under_way(op);
    return submitted::queued;
}

// A burst of writes that do not block must not fail for want of threads to block, so they are tried here first; sends
// have been.
submitted threads_backend::refuse(operation& op) noexcept {
    op.result = op.kind == op_kind::write ? call(op, call_mode::no_wait) : -EAGAIN;
    if (op.result == -EAGAIN) {
        note_blocked_operations_limit(limit(op));
        op.result = encode(errc::too_many_blocked_operations);
    }
    return submitted::completed;
}

submitted threads_backend::submit_file(operation& op) noexcept {
    if (under_way(op) < limit(op)) return submit_blocking(op);
    waiting_files_.push_back(op);
    return submitted::queued;
}

std::int32_t threads_backend::start(operation& op) noexcept {
    return op.kind == op_kind::read ? start_read(op) : pool_.start(op, {});
}

// Not peeked at as sockets are: read(2) knows no peeking, and that poll says "readable" does not keep another
// process from emptying a shared terminal before we read. So it needs its buffer first.
std::int32_t threads_backend::start_read(operation& op) noexcept {
    const std::uint16_t buffer = buffers_.take(as<receive_op>(op).credit.buffer_class);
    if (buffer == no_buffer) {
        park(op);
        return 0;
    }
    op.scratch[1] = buffer;
    const std::int32_t r = pool_.start(op, {buffers_.data(buffer), buffers_.size_of(buffer)});
    if (r < 0) give_back_buffer(op);
    return r;
}

void threads_backend::park(operation& op) noexcept {
    op.scratch[0] = 0;
    ++parked_count_;
    parked_[as<receive_op>(op).credit.buffer_class].push_back(op);
}

void threads_backend::give_back_buffer(operation& op) noexcept {
    const auto buffer = static_cast<std::uint16_t>(std::exchange(op.scratch[1], no_buffer));
    if (buffer != no_buffer) buffers_.put(buffer);
}

// --- Collecting ------------------------------------------------------------------------------------------

void threads_backend::wait(time_point now, time_point deadline, completions& out) noexcept {
    // Heard before looking: what is rung after that ends the sleep below.
    std::uint32_t rung = bell_.heard();
    retry_parked(out);
    collect(out);
    if (now == time_point::min() && pool_.next_interrupt() != never) now = clock::now();
    pool_.repeat_interrupts(now);  // also when there is no time to sleep: a busy loop must not delay a cancel
    while (out.empty() && (rung & doorbell::wake) == 0 && now < deadline) {
        ++sleeps_;
        rung = bell_.listen(std::min(deadline, pool_.next_interrupt()));
        collect(out);
        if (!out.empty()) break;
        now = clock::now();
        pool_.repeat_interrupts(now);
    }
}

void threads_backend::collect(completions& out) noexcept {
    pool_.collect([&](const blocked_pool::outcome& outcome) { settle(outcome, out); });
    start_waiting_files(out);
}

void threads_backend::settle(const blocked_pool::outcome& outcome, completions& out) noexcept {
    operation& op = *outcome.op;
    op.scratch[0] = 0;
    if (op.kind == op_kind::receive && outcome.result >= 0) {
        settle_receive(op, outcome.cancelled, out);
        return;
    }
    if (op.kind == op_kind::accept && outcome.accepted.valid()) as<accept_op>(op).accepted.push(outcome.accepted);
    if (op.kind == op_kind::read) {
        deliver(as<receive_op>(op), buffers_, static_cast<std::uint16_t>(op.scratch[1]), outcome.result);
        op.scratch[1] = no_buffer;
    }
    finish(op, outcome.result, out);
}

// A peek found something (bytes or the end): now a buffer is worth having.
void threads_backend::settle_receive(operation& op, bool cancelled, completions& out) noexcept {
    std::int32_t r = receive_into_pool(as<receive_op>(op), buffers_, call_mode::no_wait);
    if (r == -ENOBUFS || r == -EAGAIN) {
        if (cancelled) {
            r = -ECANCELED;
        } else if (r == -ENOBUFS) {
            park(op);
            return;
        } else {
            // Somebody else took it, or a datagram's checksum was wrong: back to a thread.
            r = start(op);
            if (r == 0) return;
        }
    }
    finish(op, r, out);
}

void threads_backend::finish(operation& op, std::int32_t result, completions& out) noexcept {
    --under_way(op);
    out.finish(op, result);
}

void threads_backend::retry_parked(completions& out) noexcept {
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        while (buffers_.available(c) > 0 && !parked_[c].empty()) {
            operation& op = *parked_[c].pop_front();
            if (op.kind == op_kind::receive) {
                settle_receive(op, false, out);
            } else if (const std::int32_t r = start(op); r < 0) {
                finish(op, r, out);
            }
        }
    }
}

void threads_backend::start_waiting_files(completions& out) noexcept {
    while (!waiting_files_.empty() && under_way(*waiting_files_.front()) < limit(*waiting_files_.front())) {
        operation& op = *waiting_files_.pop_front();
        ++under_way(op);
        if (const std::int32_t r = start(op); r < 0) finish(op, r, out);
    }
}

// --- Cancelling ------------------------------------------------------------------------------------------

void threads_backend::cancel(operation& op, completions& out) noexcept {
    if (op.linked()) {
        op.unlink();
        if (share_of(op.kind) == share::file) {
            out.finish(op, -ECANCELED);  // it had no thread, so none was counted
        } else {
            finish(op, -ECANCELED, out);
        }
    } else if (op.scratch[0] == 0) {
        return;  // finished already
    } else if (pool_.withdraw(op)) {
        op.scratch[0] = 0;
        give_back_buffer(op);
        finish(op, -ECANCELED, out);
        start_waiting_files(out);
    } else if (can_be_interrupted(op)) {
        pool_.interrupt(op);
    }
}

// --- Setting up ------------------------------------------------------------------------------------------

std::expected<std::unique_ptr<backend>, setup_error> create_threads(const backend_environment& environment) {
    if (environment.options.max_threads < fewest_threads) {
        return std::unexpected(setup_error{std::make_error_code(std::errc::invalid_argument),
                                           "max_threads is " + std::to_string(environment.options.max_threads) +
                                               "; at least " + std::to_string(fewest_threads) +
                                               " are needed (for a wait, a send and a file)"});
    }
    if (interrupt_signal() == 0) {
        return std::unexpected(setup_error{std::make_error_code(std::errc::resource_unavailable_try_again),
                                           "no signal is left to interrupt blocked calls with: the program handles "
                                           "SIGURG and every real-time signal; free one of them"});
    }
    auto made = std::make_unique<threads_backend>(environment);
    if (const std::int32_t r = made->try_thread(); r < 0) return std::unexpected(setup_failure("pthread_create", -r));
    return made;
}

}  // namespace penstock::detail
