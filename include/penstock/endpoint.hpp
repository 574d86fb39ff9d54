// Where a socket is: an IPv4 or IPv6 address with a port, or the path of a Unix socket.
#pragma once

#include <penstock/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace penstock {

enum class address_family : std::uint8_t { none, ipv4, ipv6, unix_path };

/// A socket address. A value type without any kernel header; its bytes are the kernel's `struct sockaddr_*`.
class endpoint {
  public:
    endpoint() noexcept = default;

    /// Reads `127.0.0.1:80`, `[::1]:80`, `[fe80::1%2]:80` or `[fe80::1%eth0]:80` (zone), `*:80` (every IPv6 and IPv4
    /// address),
    /// `:80` (same), `unix:/path` or `unix:@abstract`. Numeric only: names are the resolver's business.
    /// \return the endpoint, or one line saying what is wrong with `text` and what a right one looks like.
    static std::expected<endpoint, setup_error> parse(std::string_view text);

    /// 127.0.0.1 with `port`; 0 lets the kernel choose.
    static endpoint loopback(std::uint16_t port) noexcept;
    /// ::1 with `port`.
    static endpoint loopback6(std::uint16_t port) noexcept;

    address_family family() const noexcept;
    /// The port in host order; 0 for a Unix socket.
    std::uint16_t port() const noexcept;
    void set_port(std::uint16_t port) noexcept;
    /// The path of a Unix socket (`@` first if abstract); empty otherwise.
    std::string path() const;

    /// What parse() reads: `127.0.0.1:80`, `[::1]:80`, `unix:/path`; `none` if empty, `unix:` for an unnamed peer.
    std::string to_string() const;

    friend bool operator==(const endpoint& a, const endpoint& b) noexcept;

    // The kernel's view, for src/op.
    static constexpr std::size_t capacity = 110;  // sizeof(struct sockaddr_un)
    const std::byte* raw() const noexcept { return bytes_.data(); }
    std::byte* raw() noexcept { return bytes_.data(); }
    std::uint16_t raw_size() const noexcept { return size_; }
    /// At most `capacity` counts: the kernel reports one byte more for a Unix path without room for its final zero.
    void set_raw_size(std::uint16_t n) noexcept { size_ = n < capacity ? n : std::uint16_t{capacity}; }

  private:
    alignas(8) std::array<std::byte, capacity> bytes_{};
    std::uint16_t size_ = 0;
};

}  // namespace penstock
