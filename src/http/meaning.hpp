// What the fields of a head say about the connection and the body, once all of them are there.
#pragma once

#include <penstock/http/field.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::http::detail {

/// A Connection field that names more than this many options is refused: each is looked for among all fields.
inline constexpr unsigned most_connection_options = 32;

struct meaning {
    /// Why the head must be refused (400); empty if it must not. Static text.
    std::string_view refused;
    framing body;  ///< `none` if no field says anything
    bool close = false;
    bool keep_alive = false;      ///< asked for by HTTP/1.0
    bool upgrade_option = false;  ///< of Connection
    bool expects_continue = false;
    bool expects_other = false;
    unsigned hosts = 0;
    text_range host;        ///< value of the first
    text_range upgrade_to;  ///< value of the first
};

/// Looks through `fields` and marks those that are not to be forwarded.
meaning understand_fields(std::string_view bytes, std::span<field> fields, std::uint8_t minor_version) noexcept;

/// Whether the connection can be used again (RFC 9112 9.3).
constexpr bool persists(const meaning& m, std::uint8_t minor_version) noexcept {
    return !m.close && (minor_version > 0 || m.keep_alive);
}

/// Whether both halves of an upgrade are there; HTTP/1.0 knows none (RFC 9110 7.8).
constexpr bool upgrades(const meaning& m, std::uint8_t minor_version) noexcept {
    return minor_version > 0 && m.upgrade_option && !m.upgrade_to.empty();
}

}  // namespace penstock::http::detail
