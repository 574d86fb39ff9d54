// The forms of a request target and what may stand in Host (RFC 9112 3.2, RFC 3986 3.2).
#pragma once

#include <penstock/http/head.hpp>

#include <string_view>

namespace penstock::http::detail {

enum class port : bool { optional, required };

/// uri-host[:port], not empty: a name, an IPv4 address, or an IPv6 address in brackets; a port of 0 to 65535.
bool is_authority(std::string_view text, port wanted) noexcept;

/// Finds the parts of `head.target`, whose form must be one that the method may have.
/// \return why it must be refused; empty if it must not. Static text.
std::string_view split_target(std::string_view bytes, request_head& head) noexcept;

}  // namespace penstock::http::detail
