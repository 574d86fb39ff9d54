#include "backend/simulated/socket_address.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

namespace penstock::detail {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

template <class Address>
endpoint from_kernel(const Address& address, std::size_t size) noexcept {
    endpoint e;
    std::memcpy(e.raw(), &address, size);
    e.set_raw_size(static_cast<std::uint16_t>(size));
    return e;
}

endpoint unix_endpoint(const std::string& path) noexcept {
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::size_t size = std::min(path.size(), sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), size);
    if (path.starts_with('@')) address.sun_path[0] = '\0';
    return from_kernel(address, offsetof(::sockaddr_un, sun_path) + size);
}

}  // namespace

socket_address socket_address::of(const endpoint& e) {
    socket_address a;
    a.port = e.port();
    a.path = e.path();
    if (e.family() == address_family::ipv4) {
        ::sockaddr_in kernel{};
        std::memcpy(&kernel, e.raw(), sizeof kernel);
        std::ranges::copy(ipv4_prefix, a.host.begin());
        std::memcpy(a.host.data() + ipv4_prefix.size(), &kernel.sin_addr, sizeof kernel.sin_addr);
    } else if (e.family() == address_family::ipv6) {
        ::sockaddr_in6 kernel{};
        std::memcpy(&kernel, e.raw(), sizeof kernel);
        std::memcpy(a.host.data(), &kernel.sin6_addr, sizeof kernel.sin6_addr);
    }
    return a;
}

endpoint socket_address::as_endpoint(address_family family) const {
    if (family == address_family::unix_path) return unix_endpoint(path);
    if (family == address_family::ipv4) {
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(port);
        std::memcpy(&address.sin_addr, host.data() + ipv4_prefix.size(), sizeof address.sin_addr);
        return from_kernel(address, sizeof address);
    }
    ::sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    std::memcpy(&address.sin6_addr, host.data(), sizeof address.sin6_addr);
    return from_kernel(address, sizeof address);
}

bool socket_address::is_ipv4() const noexcept {
    return std::ranges::equal(ipv4_prefix, std::span(host).first<ipv4_prefix.size()>());
}

bool socket_address::is_any() const noexcept {
    const auto number = std::span(host).subspan(is_ipv4() ? ipv4_prefix.size() : 0);
    return std::ranges::all_of(number, [](std::uint8_t byte) { return byte == 0; });
}

bool socket_address::is_loopback() const noexcept {
    if (is_ipv4()) return host[ipv4_prefix.size()] == 127;
    return host.back() == 1 && std::ranges::all_of(std::span(host).first<15>(), [](auto byte) { return byte == 0; });
}

socket_address socket_address::to_this_machine() const {
    if (!is_any()) return *this;
    socket_address loopback = *this;
    if (is_ipv4()) loopback.host[ipv4_prefix.size()] = 127;
    loopback.host.back() = 1;
    return loopback;
}

}  // namespace penstock::detail
