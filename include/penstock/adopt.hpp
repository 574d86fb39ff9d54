// adopt: what the program already has open (a pipe, a terminal, an eventfd, standard input) as a byte stream.
#pragma once

#include <penstock/byte_stream.hpp>
#include <penstock/detail/stream_record.hpp>
#include <penstock/owned_handle.hpp>

#include <utility>

namespace penstock {

/// Who closes an adopted descriptor.
enum class ownership : std::uint8_t {
    take,    ///< the adopted object does
    borrow,  ///< it stays the program's; standard input is best borrowed
};

/// A descriptor of the program's, read and written at its own position. A byte_stream; works for pipes, terminals,
/// sockets, regular files, /dev/null, eventfd, timerfd, inotify, signalfd. The descriptor's flags are not changed.
/// A cancelled receive takes no input. Move-only; used on its loop's thread; must end before the loop.
class adopted {
  public:
    adopted() noexcept = default;
    adopted(adopted&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    adopted& operator=(adopted&& other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~adopted() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    /// The next bytes, at most a buffer's worth; an empty lease at the end. Errors: read(2), operation_canceled.
    detail::receive_awaiter receive() noexcept { return detail::receive_awaiter(record_); }

    /// Whether to read on while nobody waits, up to the credit of 4 buffers, as net::stream does: a sequence of reads
    /// from one start where the mechanism has such. A cancelled receive then leaves its input for the next one, but
    /// what was read ahead is no longer in the descriptor for others. Not while a receive is under way.
    void set_reading_ahead(bool ahead) noexcept {
        record_->input.credit.reads_ahead = ahead;
        record_->cancels_reads = !ahead;
    }

    /// From which size class of the loop's pool the bytes that are read get their buffers, as
    /// net::stream::receive_in(). A read that a thread is already making (of a file) keeps the buffer that it has. What
    /// yields whole records only (signalfd, inotify) fails with invalid_argument where a buffer can't hold one.
    result<void> receive_in(unsigned buffer_class) noexcept { return detail::receive_in(record_, buffer_class); }

    /// Puts back what is left of a lease that receive() has just yielded: the next receive() begins with it.
    void unread(lease rest) noexcept { record_->unread(std::move(rest)); }

    /// Writes everything or fails. The array and the memory must stay until the await ends. Errors: write(2).
    detail::send_awaiter<detail::write_op> send(std::span<const io_slice> slices) noexcept {
        return {record_, name(), slices};
    }
    detail::send_awaiter<detail::write_op> send(std::span<const std::byte> bytes) noexcept {
        return {record_, name(), io_slice(bytes)};
    }
    detail::send_awaiter<detail::write_op> send(std::string_view text) noexcept {
        return {record_, name(), io_slice(text)};
    }

    /// Closes a taken descriptor, since there is no half to end; a borrowed one is left alone.
    detail::close_awaiter shutdown_send() noexcept { return close(); }

    /// Cancels what is under way, also for another task (operation_canceled), and ends when that, and the close of a
    /// taken descriptor, is done.
    detail::close_awaiter close() noexcept { return detail::close_awaiter(std::exchange(record_, nullptr)); }

    explicit adopted(detail::stream_record& record) noexcept : record_(&record) {}
    detail::stream_record* record() const noexcept { return record_; }
    handle name() const noexcept { return record_ == nullptr ? handle{} : record_->input.source; }

  private:
    detail::stream_record* record_ = nullptr;
};

/// Takes in `descriptor`. Errors: bad_file_descriptor.
task<result<adopted>> adopt(int descriptor, ownership whose = ownership::take);
/// Takes in what came with a message, and closes it if that fails.
task<result<adopted>> adopt(owned_handle received);

/// Both ends of a new pipe: what is sent to the second is received from the first. pipe2(2).
task<result<std::pair<adopted, adopted>>> make_pipe();

}  // namespace penstock
