#include "http/names.hpp"

#include "http/bytes.hpp"

#include <algorithm>

namespace penstock::http::detail {

// By length first: few names of a length are known, and of those the first letters differ.
field_name known_field(std::string_view name) noexcept {
    switch (name.size()) {
        case 2: return known_text("te").is(name) ? field_name::te : field_name::other;
        case 3: return known_text("via").is(name) ? field_name::via : field_name::other;
        case 4:
            if (known_text("host").is(name)) return field_name::host;
            return known_text("date").is(name) ? field_name::date : field_name::other;
        case 6:
            if (known_text("expect").is(name)) return field_name::expect;
            return known_text("server").is(name) ? field_name::server : field_name::other;
        case 7:
            if (known_text("upgrade").is(name)) return field_name::upgrade;
            return known_text("trailer").is(name) ? field_name::trailer : field_name::other;
        case 9: return known_text("forwarded").is(name) ? field_name::forwarded : field_name::other;
        case 10:
            if (known_text("connection").is(name)) return field_name::connection;
            return known_text("keep-alive").is(name) ? field_name::keep_alive : field_name::other;
        case 14:
            if (known_text("content-length").is(name)) return field_name::content_length;
            return known_text("http2-settings").is(name) ? field_name::http2_settings : field_name::other;
        case 15: return known_text("x-forwarded-for").is(name) ? field_name::x_forwarded_for : field_name::other;
        case 16:
            if (known_text("x-forwarded-host").is(name)) return field_name::x_forwarded_host;
            return known_text("proxy-connection").is(name) ? field_name::proxy_connection : field_name::other;
        case 17:
            if (known_text("transfer-encoding").is(name)) return field_name::transfer_encoding;
            return known_text("x-forwarded-proto").is(name) ? field_name::x_forwarded_proto : field_name::other;
        case 18: return known_text("proxy-authenticate").is(name) ? field_name::proxy_authenticate : field_name::other;
        case 19:
            return known_text("proxy-authorization").is(name) ? field_name::proxy_authorization : field_name::other;
        default: return field_name::other;
    }
}

method known_method(std::string_view name) noexcept {
    switch (name.size()) {
        case 3:
            if (name == "GET") return method::get;
            return name == "PUT" ? method::put : method::other;
        case 4:
            if (name == "POST") return method::post;
            return name == "HEAD" ? method::head : method::other;
        case 5:
            if (name == "PATCH") return method::patch;
            return name == "TRACE" ? method::trace : method::other;
        case 6: return name == "DELETE" ? method::delete_ : method::other;
        case 7:
            if (name == "OPTIONS") return method::options;
            return name == "CONNECT" ? method::connect : method::other;
        default: return method::other;
    }
}

version read_version(std::string_view bytes) noexcept {
    if (bytes.starts_with("HTTP/1.1")) return {.found = progress::complete, .major = 1, .minor = 1};
    constexpr std::string_view shape = "HTTP/0.0";
    static_assert(shape.size() == version_size);
    const std::size_t there = std::min(bytes.size(), shape.size());
    for (std::size_t i = 0; i < there; ++i) {
        if (shape[i] == '0' ? !is_digit(bytes[i]) : bytes[i] != shape[i]) return {.found = progress::failed};
    }
    if (there < shape.size()) return {};
    return {.found = progress::complete,
            .major = static_cast<std::uint8_t>(bytes[5] - '0'),
            .minor = static_cast<std::uint8_t>(bytes[7] - '0')};
}

}  // namespace penstock::http::detail
