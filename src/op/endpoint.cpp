#include <penstock/endpoint.hpp>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

namespace penstock {
namespace {

static_assert(endpoint::capacity == sizeof(::sockaddr_un) && endpoint::capacity >= sizeof(::sockaddr_in6));

constexpr std::size_t path_offset = offsetof(::sockaddr_un, sun_path);
constexpr std::size_t longest_path = endpoint::capacity - path_offset;  // a full-length one needs no final zero

// --- Between endpoint and the kernel's structures -----------------------------------------------------

template <class Address>
Address kernel_copy(const endpoint& e) noexcept {
    Address address{};
    std::memcpy(&address, e.raw(), sizeof address);
    return address;
}

template <class Address>
void assign(endpoint& e, const Address& address, std::size_t size = sizeof(Address)) noexcept {
    std::memcpy(e.raw(), &address, size);
    e.set_raw_size(static_cast<std::uint16_t>(size));
}

endpoint ipv4(::in_addr host, std::uint16_t port) noexcept {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = ::htons(port);
    address.sin_addr = host;
    endpoint e;
    assign(e, address);
    return e;
}

endpoint ipv6(const ::in6_addr& host, std::uint32_t zone, std::uint16_t port) noexcept {
    ::sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = ::htons(port);
    address.sin6_addr = host;
    address.sin6_scope_id = zone;
    endpoint e;
    assign(e, address);
    return e;
}

/// A Unix socket's path as the kernel stores it: an abstract one begins with a zero byte.
std::string_view stored_path(const endpoint& e) noexcept {
    if (e.family() != address_family::unix_path) return {};
    const std::string_view stored(reinterpret_cast<const char*>(e.raw()) + path_offset, e.raw_size() - path_offset);
    return stored.starts_with('\0') ? stored : stored.substr(0, stored.find('\0'));
}

// --- Refusals: one line each, safe to print whatever the input was ------------------------------------

/// `text` between quotes, on one line of at most about 80 characters of plain ASCII.
std::string quoted(std::string_view text) {
    constexpr std::size_t most = 80;
    constexpr const char* digits = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (out.size() > most) {
            out += "...";
            break;
        }
        if (byte < 0x20 || byte > 0x7e) {
            out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        } else {
            if (c == '"' || c == '\\') out += '\\';
            out += c;
        }
    }
    return out + '"';
}

std::unexpected<setup_error> refuse(std::string_view text, std::string_view why,
                                    std::errc code = std::errc::invalid_argument) {
    return std::unexpected(
        setup_error{std::make_error_code(code), "address " + quoted(text) + ": " + std::string(why)});
}

// --- The parts of an address --------------------------------------------------------------------------

template <class Number>
std::optional<Number> decimal(std::string_view text) noexcept {
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    Number number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::optional<::in_addr> ipv4_host(std::string_view text) {
    ::in_addr host{};
    if (text.contains('\0') || ::inet_pton(AF_INET, std::string(text).c_str(), &host) != 1) return std::nullopt;
    return host;
}

std::optional<::in6_addr> ipv6_host(std::string_view text) {
    ::in6_addr host{};
    if (text.contains('\0') || ::inet_pton(AF_INET6, std::string(text).c_str(), &host) != 1) return std::nullopt;
    return host;
}

/// A zone is the number or the name of a network interface; 0 if it is neither.
std::uint32_t zone_number(std::string_view text) {
    if (const auto number = decimal<std::uint32_t>(text)) return *number;
    return text.contains('\0') ? 0 : ::if_nametoindex(std::string(text).c_str());
}

bool is_localhost(std::string_view host) noexcept {
    constexpr std::string_view name = "localhost";
    return std::ranges::equal(host, name, [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; });
}

constexpr std::string_view port_hint = "the port is a number from 0 to 65535, as in ";

// --- One function per form ----------------------------------------------------------------------------

std::expected<endpoint, setup_error> parse_unix(std::string_view text, std::string_view path) {
    if (path.empty() || path == "@") return refuse(text, "the path is missing; write unix:/path or unix:@name");
    if (path.front() != '/' && path.front() != '@') {
        return refuse(text, "the path must begin with /, or with @ for an abstract name, as in unix:/run/app.sock");
    }
    if (path.size() > longest_path) {
        return refuse(text,
                      "the path has " + std::to_string(path.size()) + " bytes and the kernel takes at most " +
                          std::to_string(longest_path) + "; use a shorter one, such as unix:/run/app.sock",
                      std::errc::filename_too_long);
    }
    const bool abstract = path.front() == '@';
    if (!abstract && path.contains('\0')) {
        return refuse(text, "a path cannot contain a zero byte; write one such as unix:/run/app.sock");
    }
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    if (abstract) address.sun_path[0] = '\0';
    const std::size_t final_zero = abstract || path.size() == longest_path ? 0 : 1;
    endpoint e;
    assign(e, address, path_offset + path.size() + final_zero);
    return e;
}

/// `[host%zone]:port`; `text` begins with the bracket.
std::expected<endpoint, setup_error> parse_bracketed(std::string_view text) {
    const std::size_t close = text.find(']');
    if (close == text.npos) return refuse(text, "the closing bracket is missing; write it as [::1]:80");
    const std::string_view inside = text.substr(1, close - 1);
    const std::string_view behind = text.substr(close + 1);

    const std::size_t percent = inside.find('%');
    const auto host = ipv6_host(inside.substr(0, percent));
    if (!host && ipv4_host(inside)) {
        return refuse(text, "brackets are for IPv6; write " + std::string(inside) + ":80");
    }
    if (!host) return refuse(text, "what stands in brackets is not an IPv6 address; write one such as [::1]:80");
    std::uint32_t zone = 0;
    if (percent != inside.npos && (zone = zone_number(inside.substr(percent + 1))) == 0) {
        return refuse(text, "the zone after % is no network interface; write its number, as in [fe80::1%2]:80",
                      std::errc::no_such_device);
    }
    if (behind.empty()) return refuse(text, "the port is missing; write it as [::1]:80");
    const auto port = behind.front() == ':' ? decimal<std::uint16_t>(behind.substr(1)) : std::nullopt;
    if (!port) return refuse(text, std::string(port_hint) + "[::1]:80");
    return ipv6(*host, zone, *port);
}

std::unexpected<setup_error> refuse_without_port(std::string_view text) {
    if (text.empty()) return refuse(text, "it is empty; write one such as 127.0.0.1:80, [::1]:80 or unix:/path");
    if (text == "*" || ipv4_host(text)) return refuse(text, "the port is missing; write " + std::string(text) + ":80");
    if (decimal<std::uint16_t>(text)) {
        return refuse(text, "a port alone is written with a colon: :" + std::string(text));
    }
    if (text.front() == '/' || text.front() == '@') {
        return refuse(text, "a Unix socket is written unix:/path or unix:@name");
    }
    if (is_localhost(text)) return refuse(text, "names are not looked up here; write 127.0.0.1:80 or [::1]:80");
    return refuse(text, "it has no port; write an address such as 127.0.0.1:80, [::1]:80 or unix:/path");
}

std::unexpected<setup_error> refuse_host(std::string_view text, std::string_view host, std::string_view port) {
    if (is_localhost(host)) {
        const std::string number(decimal<std::uint16_t>(port) ? port : "80");
        return refuse(text, "names are not looked up here; write 127.0.0.1:" + number + " or [::1]:" + number);
    }
    if (text.contains("://")) return refuse(text, "it is a URL; write only the address and port, as in 127.0.0.1:80");
    if (host.contains(':')) return refuse(text, "an IPv6 address stands in brackets; write it as [::1]:80");
    return refuse(text,
                  "the host is neither * nor a numeric address, and names are not looked up here; write it as "
                  "127.0.0.1:80 or [::1]:80");
}

}  // namespace

std::expected<endpoint, setup_error> endpoint::parse(std::string_view text) {
    constexpr std::string_view unix_prefix = "unix:";
    if (text.starts_with(unix_prefix)) return parse_unix(text, text.substr(unix_prefix.size()));
    if (text.starts_with('[')) return parse_bracketed(text);

    const std::size_t colon = text.rfind(':');
    if (colon == text.npos) return refuse_without_port(text);
    const std::string_view host = text.substr(0, colon);
    const std::string_view port_text = text.substr(colon + 1);
    const bool any = host.empty() || host == "*";
    const auto address = ipv4_host(host);
    if (!any && !address) return refuse_host(text, host, port_text);
    const auto port = decimal<std::uint16_t>(port_text);
    if (!port) return refuse(text, std::string(port_hint) + (any ? "*:80" : "127.0.0.1:80"));
    return any ? ipv6(::in6addr_any, 0, *port) : ipv4(*address, *port);
}

endpoint endpoint::loopback(std::uint16_t port) noexcept { return ipv4({.s_addr = ::htonl(INADDR_LOOPBACK)}, port); }

endpoint endpoint::loopback6(std::uint16_t port) noexcept { return ipv6(::in6addr_loopback, 0, port); }

address_family endpoint::family() const noexcept {
    ::sa_family_t family = AF_UNSPEC;
    if (size_ < sizeof family) return address_family::none;
    std::memcpy(&family, raw(), sizeof family);
    if (family == AF_INET && size_ >= sizeof(::sockaddr_in)) return address_family::ipv4;
    if (family == AF_INET6 && size_ >= sizeof(::sockaddr_in6)) return address_family::ipv6;
    return family == AF_UNIX ? address_family::unix_path : address_family::none;
}

std::uint16_t endpoint::port() const noexcept {
    switch (family()) {
        case address_family::ipv4: return ::ntohs(kernel_copy<::sockaddr_in>(*this).sin_port);
        case address_family::ipv6: return ::ntohs(kernel_copy<::sockaddr_in6>(*this).sin6_port);
        case address_family::unix_path:
        case address_family::none: break;
    }
    return 0;
}

void endpoint::set_port(std::uint16_t port) noexcept {
    static_assert(offsetof(::sockaddr_in, sin_port) == offsetof(::sockaddr_in6, sin6_port));
    if (family() != address_family::ipv4 && family() != address_family::ipv6) return;
    const std::uint16_t network_order = ::htons(port);
    std::memcpy(raw() + offsetof(::sockaddr_in, sin_port), &network_order, sizeof network_order);
}

std::string endpoint::path() const {
    std::string text(stored_path(*this));
    if (text.starts_with('\0')) text.front() = '@';
    return text;
}

std::string endpoint::to_string() const {
    char host[INET6_ADDRSTRLEN] = {};
    switch (family()) {
        case address_family::ipv4: {
            const auto address = kernel_copy<::sockaddr_in>(*this);
            ::inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
            return std::string(host) + ':' + std::to_string(port());
        }
        case address_family::ipv6: {
            const auto address = kernel_copy<::sockaddr_in6>(*this);
            ::inet_ntop(AF_INET6, &address.sin6_addr, host, sizeof host);
            const std::uint32_t zone = address.sin6_scope_id;
            return '[' + std::string(host) + (zone != 0 ? '%' + std::to_string(zone) : "") +
                   "]:" + std::to_string(port());
        }
        case address_family::unix_path: return "unix:" + path();
        case address_family::none: break;
    }
    return "none";
}

bool operator==(const endpoint& a, const endpoint& b) noexcept {
    if (a.family() != b.family() || a.port() != b.port()) return false;
    switch (a.family()) {
        case address_family::ipv4:
            return kernel_copy<::sockaddr_in>(a).sin_addr.s_addr == kernel_copy<::sockaddr_in>(b).sin_addr.s_addr;
        case address_family::ipv6: {
            const auto left = kernel_copy<::sockaddr_in6>(a);
            const auto right = kernel_copy<::sockaddr_in6>(b);
            return left.sin6_scope_id == right.sin6_scope_id &&
                   std::memcmp(&left.sin6_addr, &right.sin6_addr, sizeof left.sin6_addr) == 0;
        }
        case address_family::unix_path: return stored_path(a) == stored_path(b);
        case address_family::none: break;
    }
    return true;
}

}  // namespace penstock
