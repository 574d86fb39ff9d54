// net::datagram_socket: UDP, and datagrams over Unix sockets.
#pragma once

#include <penstock/detail/message_awaiter.hpp>
#include <penstock/endpoint.hpp>
#include <penstock/stream.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace penstock::net {

struct datagram_options {
    bool reuse_address = false;
    bool reuse_port = false;  ///< several sockets share the port; the kernel hashes senders to them
    bool ipv6_only = false;   ///< on an IPv6 wildcard, do not take IPv4 too
    /// UDP: datagrams of a sender that come one after the other may be received together (UDP_GRO, Linux 5.0), if the
    /// memory is large enough, best 64 KiB; datagram::segment says where they end. Where the kernel can't, or the
    /// sender did not send them so, they come one by one.
    bool join_segments = false;
    /// UDP: send_segments() makes a datagram of each segment itself, even where the kernel would do so later and
    /// cheaper (UDP_SEGMENT, Linux 4.18).
    bool segment_here = false;
};

/// A socket that sends and receives datagrams, over IPv4, IPv6 or paths. Each is received whole or truncated; over UDP
/// it may also get lost, come twice, or in another order. Move-only; used on its loop's thread; must end before the
/// loop. One receive and one send are under way at a time (a second is answered device_or_resource_busy). A cancelled
/// receive has taken nothing. Dropping it closes the socket in the background; close() lets you wait for that.
class datagram_socket {
  public:
    datagram_socket() noexcept = default;
    datagram_socket(datagram_socket&& other) noexcept
        : record_(std::exchange(other.record_, nullptr)),
          over_path_(other.over_path_),
          segments_(other.segments_),
          joins_(other.joins_) {}
    datagram_socket& operator=(datagram_socket&& other) noexcept {
        std::swap(record_, other.record_);
        std::swap(over_path_, other.over_path_);
        std::swap(segments_, other.segments_);
        std::swap(joins_, other.joins_);
        return *this;
    }
    ~datagram_socket() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    bool open() const noexcept { return record_ != nullptr; }

    /// The next datagram, which is written to `into`; the array and the memory must stay until the await ends.
    /// Errors: operation_canceled, recvmsg(2); of a connected socket connection_refused, if what was sent before found
    /// nobody at its port.
    detail::datagram_awaiter receive(std::span<const io_slice> into) noexcept { return {record_, into, joins_}; }
    detail::datagram_awaiter receive(std::span<std::byte> into) noexcept {
        return {record_, io_slice(into.data(), into.size()), joins_};
    }
    /// The same with at most `most` descriptors (Unix sockets; up to 16).
    detail::passed_awaiter receive_with(std::span<std::byte> into, std::size_t most) noexcept {
        return {record_, io_slice(into.data(), into.size()), most};
    }

    /// Sends one datagram to whom the socket is connected. The array and the memory must stay until the await ends.
    /// Errors: destination_address_required (not connected), message_size (longer than a datagram may be; 65,507 bytes
    /// for UDP over IPv4), connection_refused (an earlier one found nobody at its port), operation_canceled, send(2);
    /// of Unix sockets no_buffer_space (the receiver's queue is full; they never wait), and not_connected in place of
    /// the first.
    detail::message_send_awaiter send(std::span<const io_slice> slices) noexcept {
        return {record_, slices, endpoint{}, over_path_};
    }
    detail::message_send_awaiter send(std::span<const std::byte> bytes) noexcept {
        return {record_, io_slice(bytes), endpoint{}, {.over_path = over_path_}};
    }
    detail::message_send_awaiter send(std::string_view text) noexcept {
        return {record_, io_slice(text), endpoint{}, {.over_path = over_path_}};
    }
    /// The same to somebody else. Errors: also network_unreachable, and of Unix sockets no_such_file_or_directory and
    /// connection_refused (nobody has the path open); sendmsg(2).
    detail::message_send_awaiter send_to(std::span<const io_slice> slices, const endpoint& to) noexcept {
        return {record_, slices, to, over_path_};
    }
    detail::message_send_awaiter send_to(std::span<const std::byte> bytes, const endpoint& to) noexcept {
        return {record_, io_slice(bytes), to, {.over_path = over_path_}};
    }
    detail::message_send_awaiter send_to(std::string_view text, const endpoint& to) noexcept {
        return {record_, io_slice(text), to, {.over_path = over_path_}};
    }
    /// UDP: sends `bytes` as datagrams of `segment` bytes each, the last of what is left; as many as a call may take,
    /// up to 64, are one call. It fails with the first that fails, and those before it were sent. With a `segment` of 0
    /// it is send(). `to`: none, if the socket is connected.
    detail::message_send_awaiter send_segments(std::span<const std::byte> bytes, std::uint16_t segment,
                                               const endpoint& to = {}) noexcept {
        return {record_, io_slice(bytes), to, {.segment = segment, .one_by_one = !segments_, .over_path = over_path_}};
    }
    /// Unix sockets: sends a datagram and with it up to 16 descriptors, which stay open here, too; unix(7), SCM_RIGHTS.
    /// They and the memory must stay until the await ends. Errors: also argument_list_too_long (more than 16),
    /// bad_file_descriptor, too_many_references (so many are on their way already).
    detail::message_send_awaiter send_with(std::span<const handle> descriptors, std::span<const std::byte> bytes,
                                           const endpoint& to = {}) noexcept {
        return {record_, io_slice(bytes), to, {.descriptors = descriptors, .over_path = over_path_}};
    }

    /// From now on send() goes there, and datagrams of others are not received any more. Also once more, to another.
    task<result<void>> connect(endpoint to);

    /// Whether the kernel cuts what send_segments() is given; if not, each segment is a message of its own, many of
    /// which are one call (sendmmsg(2)).
    bool segments_in_kernel() const noexcept { return segments_; }
    /// Whether the kernel may join what is received (datagram_options::join_segments).
    bool joins_segments() const noexcept { return joins_; }

    /// Our address, and if connected the peer's. getsockname(2), getpeername(2).
    task<result<endpoint>> local_endpoint();
    task<result<endpoint>> peer_endpoint();
    task<result<void>> set_option(socket_option option, int value);
    task<result<int>> get_option(socket_option option);

    /// Cancels what is under way, closes, and ends when that is done. What another task waits for ends with
    /// operation_canceled.
    detail::close_awaiter close() noexcept { return detail::close_awaiter(std::exchange(record_, nullptr)); }

    datagram_socket(detail::stream_record& record, bool over_path, bool segments, bool joins) noexcept
        : record_(&record), over_path_(over_path), segments_(segments), joins_(joins) {}
    handle name() const noexcept { return record_ == nullptr ? handle{} : record_->input.source; }

  private:
    detail::stream_record* record_ = nullptr;
    bool over_path_ = false;
    bool segments_ = false;
    bool joins_ = false;
};

/// A socket at that address; port 0 lets the kernel choose, see datagram_socket::local_endpoint(). A path must not
/// exist yet, and stays when the socket is closed.
/// Errors: address_in_use, permission_denied, address_not_available, socket(2), bind(2).
task<result<datagram_socket>> bind_datagram(endpoint at, datagram_options options = {});

/// A socket that is connected to `to`, at an address that the kernel has chosen (of a Unix socket: none).
/// Errors: network_unreachable, socket(2), connect(2).
task<result<datagram_socket>> connect_datagram(endpoint to, datagram_options options = {});

}  // namespace penstock::net
