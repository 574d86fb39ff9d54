// net::stream: a connected TCP or Unix socket.
#pragma once

#include <penstock/byte_stream.hpp>
#include <penstock/detail/message_awaiter.hpp>
#include <penstock/detail/stream_record.hpp>
#include <penstock/endpoint.hpp>

#include <utility>

namespace penstock::net {

/// A connected stream socket, IPv4, IPv6 or Unix. Move-only; used on its loop's thread; must end before the loop.
/// At most one receive and one send are under way at a time (a second is answered device_or_resource_busy).
/// Dropping it closes the connection in the background; close() lets you wait for that.
class stream {
  public:
    stream() noexcept = default;
    stream(stream&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
    stream& operator=(stream&& other) noexcept {
        std::swap(record_, other.record_);
        return *this;
    }
    ~stream() { drop(); }

    bool open() const noexcept { return record_ != nullptr; }
    explicit operator bool() const noexcept { return open(); }

    /// The next bytes, as they came; an empty lease at the end of the stream. While all leases of the stream's credit
    /// are held it waits until one ends. Cancelling loses nothing: what arrives later is kept for the next receive.
    /// Errors: connection_reset, operation_canceled, timed_out (the kernel gave up on the peer), recv(2).
    detail::receive_awaiter receive() noexcept { return detail::receive_awaiter(record_); }

    /// Whether receive() would answer at once: bytes are there, or the end.
    bool has_input() const noexcept { return record_ == nullptr || record_->has_something(); }

    /// Puts back what is left of a lease that receive() has just yielded: the next receive() begins with it.
    void unread(lease rest) noexcept { record_->unread(std::move(rest)); }

    /// Sends everything or fails; after a failure it is not known how much the peer got. The array and the memory
    /// must stay until the await ends. Errors: broken_pipe, connection_reset, operation_canceled, sendmsg(2).
    detail::send_awaiter<detail::send_op> send(std::span<const io_slice> slices) noexcept {
        return {record_, name(), slices};
    }
    detail::send_awaiter<detail::send_op> send(std::span<const std::byte> bytes) noexcept {
        return {record_, name(), io_slice(bytes)};
    }
    detail::send_awaiter<detail::send_op> send(std::string_view text) noexcept {
        return {record_, name(), io_slice(text)};
    }

    /// Unix sockets: sends all of `bytes`, of which there must be some, and with the first of them up to 16
    /// descriptors, which stay open here, too; unix(7), SCM_RIGHTS. They and the memory must stay until the await ends.
    /// Errors: also argument_list_too_long (more than 16), bad_file_descriptor, too_many_references (so many are on
    /// their way already), invalid_argument (no bytes, or no Unix socket).
    detail::message_send_awaiter send_with(std::span<const handle> descriptors,
                                           std::span<const std::byte> bytes) noexcept {
        return {record_, io_slice(bytes), endpoint{}, {.descriptors = descriptors, .needs_bytes = true}};
    }
    /// Unix sockets: what comes next, at most as much as `into` has room for and no further than the next message that
    /// has descriptors, with at most `most` of them (up to 16). receive() would lose them, and may go on in the
    /// background once it was called: on a stream that was read with it, this answers device_or_resource_busy.
    detail::passed_awaiter receive_with(std::span<std::byte> into, std::size_t most) noexcept {
        return {record_, io_slice(into.data(), into.size()), most};
    }

    /// Ends our side: the peer reads the end after what was sent. shutdown(2).
    task<result<void>> shutdown_send() { return shutdown(detail::shutdown_side::send); }
    task<result<void>> shutdown(detail::shutdown_side side);

    /// Cancels what is under way, closes, and ends when that is done. Never fails in a way that a caller could mend.
    /// A receive or send that another task waits for ends with operation_canceled.
    detail::close_awaiter close() noexcept { return detail::close_awaiter(std::exchange(record_, nullptr)); }

    /// Our address and the peer's. getsockname(2), getpeername(2).
    task<result<endpoint>> local_endpoint() { return name_of(false); }
    task<result<endpoint>> peer_endpoint() { return name_of(true); }

    task<result<void>> set_option(detail::socket_option option, int value);
    task<result<int>> get_option(detail::socket_option option);

    /// How many received buffers the stream may hold at once, leases and unread together (default 4).
    void set_credit(std::uint16_t leases) noexcept { record_->input.credit.limit = leases; }

    /// From which size class of the loop's pool received bytes get their buffers (default 0; see
    /// buffer_pool_options::more). What was received stays as it is; a receive that is under way, for receive() or
    /// ahead of it, is stopped, and what it brings until it has stopped is kept. It is started again in that class at
    /// once if somebody waits, else by the next receive(); until then nothing more is received ahead, and
    /// has_input() does not become true. When the class is empty, the stream waits until one of its buffers comes
    /// back. Errors: invalid_argument (the loop has no such class), bad_file_descriptor (closed).
    result<void> receive_in(unsigned buffer_class) noexcept { return detail::receive_in(record_, buffer_class); }

    /// True the first time, false ever after: a server that is called again for the same connection can tell.
    bool first_use() noexcept {
        if (record_ == nullptr || record_->met) return false;
        record_->met = true;
        return true;
    }

    // --- For servers and transfer() ---
    explicit stream(detail::stream_record& record) noexcept : record_(&record) {}
    detail::stream_record* record() const noexcept { return record_; }
    detail::stream_record* release() noexcept { return std::exchange(record_, nullptr); }
    handle name() const noexcept { return record_ == nullptr ? handle{} : record_->input.source; }

  private:
    task<result<endpoint>> name_of(bool peer);
    void drop() noexcept {
        if (record_ != nullptr) record_->close(nullptr);
    }

    detail::stream_record* record_ = nullptr;
};

using socket_option = detail::socket_option;
using shutdown_side = detail::shutdown_side;

/// Connects to `to`. TCP connections get TCP_NODELAY.
/// Errors: connection_refused, network_unreachable, timed_out, operation_canceled, socket(2), connect(2).
task<result<stream>> connect(endpoint to);

/// Two streams that are connected to each other, over the loopback interface; for tests and for waking.
task<result<std::pair<stream, stream>>> connected_pair();

}  // namespace penstock::net
