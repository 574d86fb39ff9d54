// Why a message of HTTP/1 was refused.
#pragma once

#include <cstdint>
#include <string_view>

namespace penstock::http {

/// Why a message was refused; the connection that brought it is closed after the answer (RFC 9112 9.3).
struct failure {
    /// What a server answers to such a request: 400, 414, 417, 431, 501 or 505. 502, what a proxy answers, if it was a
    /// response. 0: nothing was refused.
    std::uint16_t status = 0;
    /// One line that the sender's author can act on, such as "space before the colon of a header". Static lifetime.
    std::string_view what;

    friend bool operator==(const failure&, const failure&) noexcept = default;
};

}  // namespace penstock::http
