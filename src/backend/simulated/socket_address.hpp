// Where a simulated socket is. An IPv4 host is kept as ::ffff:a.b.c.d, as a socket for both families sees it.
#pragma once

#include <penstock/endpoint.hpp>

#include <array>
#include <cstdint>
#include <string>

namespace penstock::detail {

struct socket_address {
    std::array<std::uint8_t, 16> host{};
    std::uint16_t port = 0;
    std::string path;  ///< of a Unix socket; `@` first if abstract

    static socket_address of(const endpoint& e);
    /// As a socket of that family names it; a Unix socket without a path is unnamed.
    endpoint as_endpoint(address_family family) const;

    bool is_ipv4() const noexcept;
    bool is_any() const noexcept;  ///< 0.0.0.0, ::
    bool is_loopback() const noexcept;
    /// Connecting to "any" means this machine.
    socket_address to_this_machine() const;
};

}  // namespace penstock::detail
