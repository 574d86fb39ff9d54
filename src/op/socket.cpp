// Sockets: creating, naming, listening, accepting, connecting, options.
#include <sys/socket.h>

#include "op/call.hpp"
#include "op/outcome.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>

#include <cerrno>

namespace penstock::detail {
namespace {

constexpr int most_tries_to_disconnect = 8;

// Only the blocking model wants sockets that sleep; everywhere else a call that would block must say so.
int creation_flags(call_mode mode) noexcept {
    return mode == call_mode::blocking ? SOCK_CLOEXEC : SOCK_CLOEXEC | SOCK_NONBLOCK;
}

const ::sockaddr* kernel_address(const endpoint& e) noexcept { return reinterpret_cast<const ::sockaddr*>(e.raw()); }

// Asked first because a listener of the blocking model would sleep.
bool has_pending(handle listener) noexcept {
    ::pollfd entry{.fd = listener.id, .events = POLLIN, .revents = 0};
    std::int32_t r = -EINTR;
    while (r == -EINTR) r = outcome(::poll(&entry, 1, 0));  // "none pending" ends a drain, so it must be true
    return r == 1;
}

struct option_name {
    int level;
    int name;
};

option_name kernel_option(socket_option option) noexcept {
    switch (option) {
        case socket_option::no_delay: return {IPPROTO_TCP, TCP_NODELAY};
        case socket_option::keep_alive: return {SOL_SOCKET, SO_KEEPALIVE};
        case socket_option::reuse_address: return {SOL_SOCKET, SO_REUSEADDR};
        case socket_option::reuse_port: return {SOL_SOCKET, SO_REUSEPORT};
        case socket_option::ipv6_only: return {IPPROTO_IPV6, IPV6_V6ONLY};
        case socket_option::send_buffer: return {SOL_SOCKET, SO_SNDBUF};
        case socket_option::receive_buffer: return {SOL_SOCKET, SO_RCVBUF};
        case socket_option::linger: return {SOL_SOCKET, SO_LINGER};
        case socket_option::defer_accept: return {IPPROTO_TCP, TCP_DEFER_ACCEPT};
        case socket_option::quick_ack: return {IPPROTO_TCP, TCP_QUICKACK};
        case socket_option::fast_open: return {IPPROTO_TCP, TCP_FASTOPEN};
        case socket_option::user_timeout: return {IPPROTO_TCP, TCP_USER_TIMEOUT};
        case socket_option::udp_segment: return {IPPROTO_UDP, UDP_SEGMENT};
        case socket_option::udp_join: return {IPPROTO_UDP, UDP_GRO};
    }
    return {SOL_SOCKET, 0};
}

std::int32_t set_linger(const option_op& op, option_name name) noexcept {
    const ::linger value{.l_onoff = op.value >= 0 ? 1 : 0, .l_linger = op.value >= 0 ? op.value : 0};
    return outcome(::setsockopt(op.target.id, name.level, name.name, &value, sizeof value));
}

std::int32_t get_linger(option_op& op, option_name name) noexcept {
    ::linger value{};
    ::socklen_t size = sizeof value;
    const std::int32_t r = outcome(::getsockopt(op.target.id, name.level, name.name, &value, &size));
    if (r >= 0) op.value = value.l_onoff != 0 ? value.l_linger : -1;
    return r;
}

}  // namespace

int kernel_domain(address_family family) noexcept {
    switch (family) {
        case address_family::ipv4: return AF_INET;
        case address_family::ipv6: return AF_INET6;
        case address_family::unix_path: return AF_UNIX;
        case address_family::none: break;
    }
    return AF_UNSPEC;
}

int kernel_side(shutdown_side side) noexcept {
    switch (side) {
        case shutdown_side::receive: return SHUT_RD;
        case shutdown_side::send: return SHUT_WR;
        case shutdown_side::both: return SHUT_RDWR;
    }
    return SHUT_RDWR;
}

std::int32_t socket_op::call(call_mode mode) noexcept {
    const int kernel_type = type == socket_type::stream ? SOCK_STREAM : SOCK_DGRAM;
    return outcome(::socket(kernel_domain(family), kernel_type | creation_flags(mode), 0));
}

std::int32_t bind_op::call(call_mode) noexcept {
    return outcome(::bind(target.id, kernel_address(address), address.raw_size()));
}

std::int32_t listen_op::call(call_mode) noexcept { return outcome(::listen(target.id, backlog)); }

std::int32_t accept_op::call(call_mode mode) noexcept {
    if (only_pending && !has_pending(listener)) return -EAGAIN;
    const std::int32_t r = outcome(::accept4(listener.id, nullptr, nullptr, creation_flags(mode)));
    if (r < 0) return r;
    accepted.push({r});
    return 1;
}

std::int32_t connect_op::call(call_mode) noexcept {
    const std::int32_t r = outcome(::connect(target.id, kernel_address(address), address.raw_size()));
    // A Unix socket whose backlog is full says EAGAIN and never becomes writable; that is a refusal, not a wait.
    if (r == -EAGAIN) return -ECONNREFUSED;
    return r == -EINPROGRESS ? -EAGAIN : r;
}

std::int32_t connect_outcome(handle target) noexcept {
    int error = 0;
    ::socklen_t size = sizeof error;
    const std::int32_t r = outcome(::getsockopt(target.id, SOL_SOCKET, SO_ERROR, &error, &size));
    return r < 0 ? r : -error;
}

void disconnect(handle target) noexcept {
    const ::sockaddr nowhere{.sa_family = AF_UNSPEC, .sa_data = {}};
    for (int i = 0; i < most_tries_to_disconnect; ++i) {
        const std::int32_t r = outcome(::connect(target.id, &nowhere, sizeof nowhere));
        if (r != -EINTR && r != -EAGAIN) return;
    }
}

std::int32_t shutdown_op::call(call_mode) noexcept { return outcome(::shutdown(target.id, kernel_side(side))); }

std::int32_t name_op::call(call_mode) noexcept {
    auto* to = reinterpret_cast<::sockaddr*>(address.raw());
    ::socklen_t size = endpoint::capacity;
    const std::int32_t r = outcome(peer ? ::getpeername(target.id, to, &size) : ::getsockname(target.id, to, &size));
    address.set_raw_size(r < 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(size));
    return r;
}

std::int32_t option_op::call(call_mode) noexcept {
    const option_name kernel = kernel_option(option);
    if (option == socket_option::linger) return set ? set_linger(*this, kernel) : get_linger(*this, kernel);
    ::socklen_t size = sizeof value;
    return outcome(set ? ::setsockopt(target.id, kernel.level, kernel.name, &value, size)
                       : ::getsockopt(target.id, kernel.level, kernel.name, &value, &size));
}

}  // namespace penstock::detail
