#include "http/names.hpp"

#include "http/bytes.hpp"

#include <algorithm>

namespace penstock::http::detail {

// By length first: few names of a length are known, and of those the first letters differ.
field_name known_field(std::string_view name) noexcept {
    switch (name.size()) {
        case 2: return same(name, "te") ? field_name::te : field_name::other;
        case 3: return same(name, "via") ? field_name::via : field_name::other;
        case 4:
            if (same(name, "host")) return field_name::host;
            return same(name, "date") ? field_name::date : field_name::other;
        case 6:
            if (same(name, "expect")) return field_name::expect;
            return same(name, "server") ? field_name::server : field_name::other;
        case 7:
            if (same(name, "upgrade")) return field_name::upgrade;
            return same(name, "trailer") ? field_name::trailer : field_name::other;
        case 9: return same(name, "forwarded") ? field_name::forwarded : field_name::other;
        case 10:
            if (same(name, "connection")) return field_name::connection;
            return same(name, "keep-alive") ? field_name::keep_alive : field_name::other;
        case 14:
            if (same(name, "content-length")) return field_name::content_length;
            return same(name, "http2-settings") ? field_name::http2_settings : field_name::other;
        case 15: return same(name, "x-forwarded-for") ? field_name::x_forwarded_for : field_name::other;
        case 16:
            if (same(name, "x-forwarded-host")) return field_name::x_forwarded_host;
            return same(name, "proxy-connection") ? field_name::proxy_connection : field_name::other;
        case 17:
            if (same(name, "transfer-encoding")) return field_name::transfer_encoding;
            return same(name, "x-forwarded-proto") ? field_name::x_forwarded_proto : field_name::other;
        case 18: return same(name, "proxy-authenticate") ? field_name::proxy_authenticate : field_name::other;
        case 19: return same(name, "proxy-authorization") ? field_name::proxy_authorization : field_name::other;
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
