// The records behind sequences: one operation that tells again and again, and who waits for the next time.
#pragma once

#include <penstock/detail/await.hpp>
#include <penstock/loop.hpp>
#include <penstock/operation.hpp>

#include <coroutine>
#include <cstdint>
#include <utility>

namespace penstock::detail {

/// A sequence under way. What is told while nobody takes is counted; at repeated_op::most_untaken the operation is
/// stopped, and started again by who takes.
struct sequence_record : record {
    sequence_record(loop& owner, repeated_op& op) noexcept;

    loop& home;
    repeated_op& input;
    ready_item* waiter = nullptr;
    ready_item* closed_for = nullptr;
    std::int32_t failure = 0;
    bool held = false;  ///< a task is in next(): the record stays until it has left
    bool shutting = false;

    bool armed() const noexcept { return input.state != op_state::idle; }
    bool has_something() const noexcept { return input.untaken != 0 || failure != 0; }
    /// Makes sure that something is under way. \return false if there is something already.
    bool await_next(ready_item& who) noexcept;
    void leave() noexcept {
        held = false;
        if (shutting) close_when_unused();
    }
    /// `who` may be null.
    void close(ready_item* who) noexcept;

    // --- For the kinds of sequences

    void (*begin)(sequence_record&) noexcept = nullptr;    ///< starts the operation, or what stands for it
    void (*stop)(sequence_record&) noexcept = nullptr;     ///< stops what stands for it
    void (*release)(sequence_record&) noexcept = nullptr;  ///< lets go of what is used; then finish_closing()
    void (*destroy)(sequence_record&) noexcept = nullptr;
    void start_operation() noexcept;
    void on_input() noexcept;
    void tell() noexcept;
    void finish_closing() noexcept;

  protected:
    ~sequence_record() = default;

  private:
    void note_outcome() noexcept;
    void close_when_unused() noexcept;
};

/// An operation of a sequence, which finds back to it.
template <class Op>
struct of_sequence : Op {
    template <class... Rest>
    explicit of_sequence(sequence_record& r, Rest... rest) noexcept : Op(rest...), self(r) {}
    sequence_record& self;
};

/// The awaiter of next(): `Taken` is made of the record when there is something.
template <class Record, class Taken>
class next_awaiter {
  public:
    explicit next_awaiter(Record* record) noexcept : record_(record) {}

    bool await_ready() const noexcept { return record_ == nullptr; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        cancel_state* const surroundings = h.promise().cancel;
        if (surroundings != nullptr && surroundings->requested()) {
            outcome_ = std::errc::operation_canceled;
            return false;
        }
        if (record_->waiter != nullptr || record_->held) {
            outcome_ = std::errc::device_or_resource_busy;
            return false;
        }
        task_ = h;
        wake_.self = this;
        wake_.run = [](ready_item& item) noexcept {
            auto& self = *static_cast<wake_item&>(item).self;
            self.node_.unlink();
            self.task_.resume();
        };
        if (!record_->await_next(wake_)) return false;
        record_->held = holds_ = true;
        if (surroundings != nullptr) {
            node_.self = this;
            node_.fire = [](cancel_node& n) noexcept { static_cast<link&>(n).self->cancel(); };
            surroundings->add(node_);
        }
        return true;
    }

    result<Taken> await_resume() noexcept {
        if (record_ == nullptr) return fail(std::errc::bad_file_descriptor);
        result<Taken> taken = fail(std::errc::operation_canceled);
        if (outcome_ != std::errc{}) {
            taken = fail(outcome_);
        } else if (record_->has_something()) {
            taken = record_->take();
        }
        if (holds_) record_->leave();
        return taken;
    }

  private:
    struct link : cancel_node {
        next_awaiter* self = nullptr;
    };
    struct wake_item : ready_item {
        next_awaiter* self = nullptr;
    };
    // What is under way goes on: what it tells is for the next one.
    void cancel() noexcept {
        if (record_->waiter != &wake_) return;  // it is in the ready queue already
        record_->waiter = nullptr;
        outcome_ = std::errc::operation_canceled;
        record_->home.enqueue(wake_);
    }

    Record* record_;
    std::coroutine_handle<> task_;
    link node_;
    wake_item wake_;
    std::errc outcome_{};
    bool holds_ = false;
};

/// The awaiter of close().
class sequence_close_awaiter : ready_item {
  public:
    explicit sequence_close_awaiter(sequence_record* record) noexcept : record_(record) {}
    bool await_ready() const noexcept { return record_ == nullptr; }
    void await_suspend(std::coroutine_handle<> h) noexcept {
        task_ = h;
        run = [](ready_item& item) noexcept { static_cast<sequence_close_awaiter&>(item).task_.resume(); };
        record_->close(this);
    }
    void await_resume() const noexcept {}

  private:
    sequence_record* record_;
    std::coroutine_handle<> task_;
};

/// Readiness of a descriptor.
struct readiness_record final : sequence_record {
    readiness_record(loop& owner, handle adopted, bool for_writing) noexcept;
    of_sequence<poll_op> polling;
    of_sequence<close_op> forgetting;
    result<ready_sides> take() noexcept;
};

/// Ticks of a clock.
struct tick_record final : sequence_record {
    tick_record(loop& owner, duration period) noexcept;
    of_sequence<tick_op> ticking;
    struct own_timer : timer_node {
        tick_record* self = nullptr;
    } timer;  ///< where the mechanism has no ticks
    void start_clock() noexcept;
    void on_timer() noexcept;
    result<std::uint64_t> take() noexcept;
};

}  // namespace penstock::detail
