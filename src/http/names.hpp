// The names that the codec knows, of fields and methods, and HTTP's version.
#pragma once

#include <penstock/http/head.hpp>

#include <cstdint>
#include <string_view>

namespace penstock::http::detail {

/// `name` must be a token.
field_name known_field(std::string_view name) noexcept;
method known_method(std::string_view name) noexcept;

struct version {
    progress found = progress::incomplete;
    std::uint8_t major = 0;
    std::uint8_t minor = 0;
};
inline constexpr std::size_t version_size = 8;

/// What stands at the beginning of `bytes`: HTTP/x.y (RFC 9112 2.3), the beginning of it, or something else.
version read_version(std::string_view bytes) noexcept;

}  // namespace penstock::http::detail
