// Awaiting a message, on a datagram socket or beside the bytes of a stream.
#pragma once

#include <penstock/detail/stream_record.hpp>
#include <penstock/owned_handle.hpp>

#include <array>
#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::net {

/// How many descriptors may go with a message: 16.
using detail::most_passed_descriptors;

/// A datagram that was received.
struct datagram {
    std::size_t size = 0;    ///< bytes of it that are in the memory it was received into; it may have none
    bool truncated = false;  ///< it had more, which are lost
    /// Not 0: several datagrams of the same sender came together (datagram_options::join_segments), each of that many
    /// bytes but the last, which may have fewer.
    std::uint16_t segment = 0;
    endpoint from;  ///< `none` if the sender has no address (Unix sockets)
};

/// Descriptors that came with a message; those that nobody takes are closed when it is dropped. Move-only.
class passed_descriptors {
  public:
    passed_descriptors() noexcept = default;
    passed_descriptors(loop& home, std::span<const handle> came) noexcept : home_(&home) {
        for (const handle h : came) handles_[size_++] = h;
    }
    passed_descriptors(passed_descriptors&& other) noexcept
        : home_(other.home_), handles_(other.handles_), size_(std::exchange(other.size_, std::uint8_t{0})) {}
    passed_descriptors& operator=(passed_descriptors&& other) noexcept {
        std::swap(home_, other.home_);
        std::swap(handles_, other.handles_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~passed_descriptors() {
        for (std::uint8_t i = 0; i < size_; ++i) static_cast<void>(take(i));
    }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// The one that was sent as number `i`, below size(); nothing if it was taken before.
    owned_handle take(std::size_t i) noexcept { return {*home_, std::exchange(handles_[i], handle{})}; }

  private:
    loop* home_ = nullptr;
    std::array<handle, detail::most_passed_descriptors> handles_;
    std::uint8_t size_ = 0;
};

/// A message that was received with descriptors.
struct message {
    std::size_t size = 0;    ///< bytes that came; 0 without descriptors is the end of a stream
    bool truncated = false;  ///< of a datagram: it had more bytes, which are lost
    /// There were more descriptors than asked for, or than the process may have open (MSG_CTRUNC). Those are closed.
    bool descriptors_lost = false;
    passed_descriptors descriptors;  ///< open, close-on-exec, in the order in which they were sent
    endpoint from;                   ///< of a datagram; `none` if the sender has no address
};

}  // namespace penstock::net

namespace penstock::detail {

/// Uses one side of the record for one message. One that is busy with another, or of a stream that is in receive(),
/// answers device_or_resource_busy.
template <class Op>
class message_awaiter : protected awaited<Op>, stream_user {
  public:
    bool await_ready() const noexcept { return record_ == nullptr || refusal_ != 0 || is_busy(); }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> h) noexcept {
        if (this->slices == nullptr) this->slices = &one_;
        closing = [](stream_user& user) noexcept { current_loop->cancel(static_cast<message_awaiter&>(user)); };
        (reads ? record_->reader : record_->writer) = this;
        started_ = true;
        return awaited<Op>::await_suspend(h);
    }

  protected:
    message_awaiter(stream_record* record, std::span<const io_slice> what) noexcept
        : awaited<Op>(record == nullptr ? handle{} : record->input.source, what.data(),
                      static_cast<std::uint32_t>(what.size())),
          record_(record) {}
    message_awaiter(stream_record* record, io_slice one) noexcept
        : awaited<Op>(record == nullptr ? handle{} : record->input.source, nullptr, 1), record_(record), one_(one) {}

    void refuse(std::int32_t why) noexcept { refusal_ = why; }
    /// Leaves the record. \return the operation's result, or why there was none.
    std::int32_t outcome() noexcept {
        if (record_ == nullptr) return -EBADF;
        if (refusal_ != 0) return refusal_;
        if (!started_) return -EBUSY;
        reads ? record_->leave_reading() : record_->leave_writing();
        return this->result;
    }

  private:
    static constexpr bool reads = std::same_as<Op, receive_message_op>;

    bool is_busy() const noexcept {
        if constexpr (!reads) return record_->writer != nullptr;
        return record_->reader != nullptr || record_->waiter != nullptr || record_->armed() || record_->input.ready ||
               record_->has_something();
    }

    stream_record* record_;
    io_slice one_{};
    std::int32_t refusal_ = 0;
    bool started_ = false;
};

/// What to send beside the bytes.
struct message_extras {
    std::span<const handle> descriptors = {};
    std::uint16_t segment = 0;
    bool one_by_one = false;
    bool over_path = false;
    bool needs_bytes = false;  ///< a stream carries descriptors with a byte only
};

class message_send_awaiter : public message_awaiter<send_message_op> {
  public:
    message_send_awaiter(stream_record* record, std::span<const io_slice> what, const endpoint& whom,
                         bool by_path) noexcept
        : message_awaiter(record, what) {
        to = whom;
        over_path = by_path;
    }
    message_send_awaiter(stream_record* record, io_slice one, const endpoint& whom,
                         const message_extras& beside = {}) noexcept
        : message_awaiter(record, one) {
        to = whom;
        segment = beside.segment;
        one_by_one = beside.one_by_one;
        over_path = beside.over_path;
        descriptors = beside.descriptors.data();
        descriptor_count = static_cast<std::uint32_t>(beside.descriptors.size());
        if (descriptor_count == 0) return;
        if ((beside.needs_bytes && one.size == 0) || !may_carry_descriptors(target)) refuse(-EINVAL);
        if (descriptor_count > most_passed_descriptors) refuse(-E2BIG);
    }
    penstock::result<void> await_resume() noexcept { return to_result(outcome()); }
};

class datagram_awaiter : public message_awaiter<receive_message_op> {
  public:
    datagram_awaiter(stream_record* record, std::span<const io_slice> into, bool may_join) noexcept
        : message_awaiter(record, into) {
        joined = may_join;
    }
    datagram_awaiter(stream_record* record, io_slice into, bool may_join) noexcept : message_awaiter(record, into) {
        joined = may_join;
    }
    penstock::result<net::datagram> await_resume() noexcept {
        const std::int32_t n = outcome();
        if (n < 0) return std::unexpected(decode(n));
        return net::datagram{
            .size = static_cast<std::size_t>(n), .truncated = truncated, .segment = segment, .from = from};
    }
};

class passed_awaiter : public message_awaiter<receive_message_op> {
  public:
    passed_awaiter(stream_record* record, io_slice into, std::size_t most) noexcept : message_awaiter(record, into) {
        most_descriptors = static_cast<std::uint8_t>(most);
        if (most > most_passed_descriptors) refuse(-E2BIG);
    }
    penstock::result<net::message> await_resume() noexcept {
        loop& home = *current_loop;
        const std::int32_t n = outcome();
        if (n < 0) return std::unexpected(decode(n));
        net::message came;
        came.size = static_cast<std::size_t>(n);
        came.truncated = truncated;
        came.descriptors_lost = descriptors_lost;
        came.descriptors = net::passed_descriptors(home, std::span(descriptors).first(descriptor_count));
        came.from = from;
        return came;
    }
};

}  // namespace penstock::detail
