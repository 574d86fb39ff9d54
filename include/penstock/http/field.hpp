// Header fields as views: where they are in the bytes that were received, and what is known of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::http {

/// No head has more fields than this, whatever head_limits asks for: they are kept inside the parser.
inline constexpr std::uint16_t most_fields = 100;

/// What a head may take; beyond it the message is refused.
struct head_limits {
    /// Of the whole head, its empty line included; at most 65535 counts. 431 beyond it.
    std::uint32_t bytes = 16 * 1024;
    /// At most `most_fields` counts. 431 beyond it.
    std::uint16_t fields = most_fields;
    /// Bytes of a request's target. 414 beyond it.
    std::uint32_t target = 8 * 1024;
};

/// The fields that a proxy must know; all others are `other`.
enum class field_name : std::uint8_t {
    other,
    host,
    connection,
    content_length,
    transfer_encoding,
    upgrade,
    expect,
    te,
    trailer,
    keep_alive,
    proxy_connection,
    proxy_authenticate,
    proxy_authorization,
    x_forwarded_for,
    x_forwarded_proto,
    x_forwarded_host,
    forwarded,
    via,
    date,
    server,
    http2_settings,
};

/// A piece of a head, as offsets from the first byte given to parse(), so that a head may move in memory while it is
/// being received. Empty and at 0 if there is no such piece.
struct text_range {
    std::uint16_t begin = 0;
    std::uint16_t size = 0;

    constexpr bool empty() const noexcept { return size == 0; }
    constexpr std::size_t end() const noexcept { return std::size_t{begin} + size; }
    friend constexpr bool operator==(text_range, text_range) noexcept = default;
};

/// The text of a range; a view into `head_bytes`, which must be the bytes (or a copy of them) that the head was parsed
/// from and reach at least as far.
constexpr std::string_view text(std::string_view head_bytes, text_range range) noexcept {
    return {head_bytes.data() + range.begin, range.size};
}

/// A header field (RFC 9110 5). The name is a token in the sender's spelling; the value is without the white space
/// around it and holds no control character but HTAB.
struct field {
    text_range name;
    text_range value;
    field_name id = field_name::other;
    /// Meant for this connection only (RFC 9110 7.6.1), so never forwarded: the hop-by-hop fields, what Connection
    /// names, and Trailer, because trailers are not forwarded. Whoever forwards writes their own Connection and
    /// Upgrade. What the head says of framing and host stays true even if the sender names Content-Length or Host in
    /// Connection.
    bool drop = false;
};
static_assert(sizeof(field) == 10);

/// How far a parser has come.
enum class progress : std::uint8_t { incomplete, complete, failed };

/// What tells where a message's body ends (RFC 9112 6.3).
enum class body_kind : std::uint8_t {
    none,         ///< there is no body
    length,       ///< so many bytes; may be 0
    chunked,      ///< chunks, then trailers
    until_close,  ///< all until the connection is closed; responses only
};

struct framing {
    body_kind kind = body_kind::none;
    /// Bytes, if `kind` is length: at most 2^63-1.
    std::uint64_t length = 0;

    friend constexpr bool operator==(const framing&, const framing&) noexcept = default;
};

}  // namespace penstock::http
