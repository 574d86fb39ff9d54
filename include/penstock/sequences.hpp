// Sequences: what happens again and again, from one start. Each next() takes what has happened since the last one.
#pragma once

#include <penstock/detail/sequence_record.hpp>
#include <penstock/task.hpp>
#include <penstock/wait_ready.hpp>

#include <cstdint>
#include <utility>

namespace penstock {

/// Tells each time that a descriptor of the program's has become ready. Move-only; used on its loop's thread; must end
/// before the loop, and the descriptor must stay open until then and must not be adopted there.
class readiness_sequence {
  public:
    readiness_sequence() noexcept = default;
    readiness_sequence(readiness_sequence&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    readiness_sequence& operator=(readiness_sequence&& other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~readiness_sequence() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    /// Ends when the descriptor has become ready since the last time, or is so the first time, as wait_readable() and
    /// wait_writable() say. Some mechanisms tell of changes only: read (or write) until it answers EAGAIN before the
    /// next call. It may tell for nothing. What happens while nobody waits is told as one; if it is much, the mechanism
    /// is stopped until the next call (loop_statistics::sequence_pauses). One next() at a time.
    /// Errors: operation_canceled, and nothing is lost then; device_or_resource_busy; those of poll(2).
    auto next() noexcept { return detail::next_awaiter<detail::readiness_record, ready_sides>(record_); }

    /// Ends when the descriptor is let go of. A next() of another task ends with operation_canceled.
    auto close() noexcept { return detail::sequence_close_awaiter(std::exchange(record_, nullptr)); }

    explicit readiness_sequence(detail::readiness_record& record) noexcept : record_(&record) {}

  private:
    detail::readiness_record* record_ = nullptr;
};

/// Errors: bad_file_descriptor; operation_not_supported in a world of a backend's own.
task<result<readiness_sequence>> watch_readable(int descriptor);
task<result<readiness_sequence>> watch_writable(int descriptor);

/// Ticks at least `period` apart. Move-only; used on its loop's thread; must end before the loop.
class tick_sequence {
  public:
    tick_sequence() noexcept = default;
    tick_sequence(tick_sequence&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    tick_sequence& operator=(tick_sequence&& other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~tick_sequence() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    /// Ends with the next tick. \return how many there were since the last call: more than one if nobody waited, and no
    /// more than repeated_op::most_untaken (16), as the clock then stops until the next call
    /// (loop_statistics::sequence_pauses). A period begins when the loop has seen the end of the one before: ticks that
    /// come late are not made up for. One next() at a time.
    /// Errors: operation_canceled, and no tick is lost then; device_or_resource_busy.
    auto next() noexcept { return detail::next_awaiter<detail::tick_record, std::uint64_t>(record_); }

    /// Ends when the clock has stopped. A next() of another task ends with operation_canceled.
    auto close() noexcept { return detail::sequence_close_awaiter(std::exchange(record_, nullptr)); }

    explicit tick_sequence(detail::tick_record& record) noexcept : record_(&record) {}

  private:
    detail::tick_record* record_ = nullptr;
};

/// Starts with the first next(). Periods below a microsecond are one.
tick_sequence every(duration period);

}  // namespace penstock
