#include "http/target.hpp"

#include "http/bytes.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>

namespace penstock::http::detail {
namespace {

bool is_port(std::string_view digits) noexcept {
    constexpr std::size_t longest = 5;
    if (digits.empty() || digits.size() > longest) return false;
    unsigned number = 0;
    for (const char c : digits) {
        if (!is_digit(c)) return false;
        number = number * 10 + static_cast<unsigned>(c - '0');
    }
    return number <= 65535;
}

bool is_ipv6(std::string_view address) noexcept {
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (address.size() >= terminated.size() || address.contains('\0')) return false;
    std::ranges::copy(address, terminated.begin());
    ::in6_addr ignored{};
    return ::inet_pton(AF_INET6, terminated.data(), &ignored) == 1;
}

std::size_t end_of_name(std::string_view text) noexcept {
    for (std::size_t at = 0;; at += 3) {
        at = end_of_run(host_byte, text, at);
        const bool escape =
            text.size() - at > 2 && text[at] == '%' && is(hex_byte, text[at + 1]) && is(hex_byte, text[at + 2]);
        if (!escape) return at;
    }
}

std::string_view split_absolute(std::string_view target, request_head& head) noexcept {
    const std::size_t colon = target.find(':');
    const std::string_view scheme = target.substr(0, colon);
    if (colon == target.npos || !(known_text("http").is(scheme) || known_text("https").is(scheme))) {
        return "the target is neither a path nor an http URL";
    }
    if (!target.substr(colon + 1).starts_with("//")) return "the target has a scheme but no authority";
    const std::size_t begin = colon + 3;
    const std::size_t end = std::min(target.find_first_of("/?", begin), target.size());
    const std::string_view authority = target.substr(begin, end - begin);
    if (authority.contains('@')) return "the target has a user name";
    if (!is_authority(authority, port::optional)) return "the target has an invalid authority";
    const std::size_t origin = head.target.begin;
    head.scheme = range(origin, origin + colon);
    head.authority = range(origin + begin, origin + end);
    head.path_and_query = range(origin + end, head.target.end());
    return {};
}

}  // namespace

bool is_authority(std::string_view text, port wanted) noexcept {
    std::size_t end = 0;  // of the host
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == text.npos || !is_ipv6(text.substr(1, close - 1))) return false;
        end = close + 1;
    } else {
        end = end_of_name(text);
        if (end == 0) return false;
    }
    if (end == text.size()) return wanted == port::optional;
    return text[end] == ':' && is_port(text.substr(end + 1));
}

std::string_view split_target(std::string_view bytes, request_head& head) noexcept {
    const std::string_view target = text(bytes, head.target);
    if (head.method == method::connect) {
        if (!is_authority(target, port::required)) return "the target of CONNECT is not host:port";
        head.authority = head.target;
        return {};
    }
    if (target.front() == '/') {
        head.path_and_query = head.target;
        return {};
    }
    if (target == "*") {
        if (head.method != method::options) return "the target * is for OPTIONS only";
        head.path_and_query = head.target;
        return {};
    }
    return split_absolute(target, head);
}

}  // namespace penstock::http::detail
