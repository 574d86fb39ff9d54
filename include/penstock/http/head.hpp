// Heads of HTTP/1 messages without I/O: bytes in, a request's or response's head out, as views into those bytes.
#pragma once

#include <penstock/http/detail/fields.hpp>
#include <penstock/http/error.hpp>
#include <penstock/http/field.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace penstock::http {

/// The methods of RFC 9110 9.3 and PATCH. Methods are case-sensitive: `get` is `other`.
// NOLINTNEXTLINE(readability-identifier-naming): `delete` is a keyword
enum class method : std::uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };

/// RFC 9110 9.2.1: asks for nothing to be changed.
constexpr bool is_safe(method m) noexcept {
    return m == method::get || m == method::head || m == method::options || m == method::trace;
}

/// RFC 9110 9.2.2: sent twice it has the same effect as sent once.
constexpr bool is_idempotent(method m) noexcept { return is_safe(m) || m == method::put || m == method::delete_; }

/// What a complete request head says. Ranges are offsets into the bytes given to request_parser::parse(); `fields`
/// lives in the parser, until its reset() or end.
struct request_head {
    http::method method = http::method::other;
    text_range method_text;
    text_range target;  ///< as received (RFC 9112 3.2)
    text_range scheme;  ///< `http` or `https` in any case; of an absolute-form target only
    /// host[:port]; of an absolute-form target, or CONNECT's host:port.
    text_range authority;
    /// The whole of an origin-form target; what follows the authority of an absolute-form one, which may be empty or
    /// begin with `?` (path() and query() take care of that); `*`; empty for CONNECT.
    text_range path_and_query;
    std::uint8_t minor_version = 1;  ///< of HTTP/1: 0 or 1
    bool keep_alive = false;         ///< the sender allows another request on this connection (RFC 9112 9.3)
    /// The sender waits for 100 (Continue) before it sends the body (RFC 9110 10.1.1); false if there is no body.
    bool expects_continue = false;
    /// HTTP/1.1 with Connection: upgrade and an Upgrade field (RFC 9110 7.8).
    bool upgrade = false;
    text_range upgrade_to;  ///< value of the first Upgrade field, if `upgrade`
    /// The effective one: `authority` if there is, else the value of Host (RFC 9112 3.2.2). Empty only in HTTP/1.0.
    text_range host;
    framing body;  ///< none, length or chunked
    std::span<const field> fields;
};

/// The path of the target, without its query: at least `/`. `*` for OPTIONS of the server as a whole, in absolute form
/// too (RFC 9112 3.2.4); empty for CONNECT. \return a view into `head_bytes` or static text.
std::string_view path(std::string_view head_bytes, const request_head& head) noexcept;

/// The query of the target with its question mark; empty if there is none. path() and query() together are the
/// origin-form target to forward. \return a view into `head_bytes`.
std::string_view query(std::string_view head_bytes, const request_head& head) noexcept;

/// What a complete response head says. Ranges and `fields` as in request_head.
struct response_head {
    std::uint16_t status = 0;  ///< 100..999
    std::uint8_t minor_version = 1;
    text_range reason;  ///< may be empty
    /// The sender allows another request on this connection, once the body, if not ended by closing, has been read.
    bool keep_alive = false;
    /// 101 with Connection: upgrade and an Upgrade field, in HTTP/1.1; 101 without them is refused.
    bool upgrade = false;
    text_range upgrade_to;  ///< value of the first Upgrade field, if `upgrade`
    /// From the fields alone: length, chunked or until_close. What really follows is told by body_of().
    framing as_sent;
    std::span<const field> fields;
};

/// What follows the response head, given the request's method (RFC 9112 6.3): responses to HEAD, 1xx, 204 and 304 have
/// no body; 2xx to CONNECT opens a tunnel, which is none either.
framing body_of(const response_head& head, method request_method) noexcept;

/// Reads the head of a request, strictly: what RFC 9112 lets a recipient repair is refused, with few exceptions that
/// docs/decisions names. Allocates nothing. Not copyable: the head refers to fields inside.
class request_parser {
  public:
    explicit request_parser(head_limits limits = {}) noexcept;
    request_parser(const request_parser&) = delete;
    request_parser& operator=(const request_parser&) = delete;

    /// Begins the next message; nothing is kept of the last one.
    void reset() noexcept;
    /// Reads what has come so far.
    /// \param bytes all that was received since the head's first byte; what follows the head may be in it. Called again
    /// with the same bytes and more, possibly at another address; what was examined is not examined again. Up to four
    /// empty lines before the request line belong to the head and are skipped (RFC 9112 2.2).
    /// \return failed as soon as the bytes can't become a valid head. Once complete or failed, it stays so until
    /// reset().
    progress parse(std::string_view bytes) noexcept;
    /// The bytes of the complete head: its empty line and the skipped ones included.
    std::size_t size() const noexcept { return position_; }
    /// Valid once parse() has said complete.
    const request_head& head() const noexcept { return head_; }
    /// Why parse() has said failed.
    http::failure failure() const noexcept { return failure_; }

  private:
    enum class place : std::uint8_t { empty_lines, method, target, version, line_end, fields };

    progress parse_on(std::string_view bytes) noexcept;
    progress refuse(std::uint16_t status, std::string_view what) noexcept;
    progress skip_empty_lines(std::string_view bytes) noexcept;
    progress read_method(std::string_view bytes) noexcept;
    progress read_target(std::string_view bytes) noexcept;
    progress read_version(std::string_view bytes) noexcept;
    progress read_line_end(std::string_view bytes) noexcept;
    progress read_fields(std::string_view bytes) noexcept;
    http::failure understand(std::string_view bytes) noexcept;

    head_limits limits_;
    std::size_t position_ = 0;
    std::size_t begin_ = 0;  // of the part that is being read
    std::uint8_t empty_lines_ = 0;
    place place_ = place::empty_lines;
    progress progress_ = progress::incomplete;
    http::failure failure_;
    request_head head_;
    detail::field_section fields_;
};

/// Reads the head of a response, by the same rules for fields and framing. Every failure has the status 502. The heads
/// of interim responses (1xx) come one by one, like any other: reset() and go on.
class response_parser {
  public:
    explicit response_parser(head_limits limits = {}) noexcept;
    response_parser(const response_parser&) = delete;
    response_parser& operator=(const response_parser&) = delete;

    /// Begins the next message; nothing is kept of the last one.
    void reset() noexcept;
    /// As request_parser::parse(), but nothing before the status line is skipped.
    progress parse(std::string_view bytes) noexcept;
    /// The bytes of the complete head, its empty line included.
    std::size_t size() const noexcept { return position_; }
    /// Valid once parse() has said complete.
    const response_head& head() const noexcept { return head_; }
    /// Why parse() has said failed.
    http::failure failure() const noexcept { return failure_; }

  private:
    enum class place : std::uint8_t { version, status, reason, line_end, fields };

    progress parse_on(std::string_view bytes) noexcept;
    progress refuse(std::string_view what) noexcept;
    progress read_version(std::string_view bytes) noexcept;
    progress read_status(std::string_view bytes) noexcept;
    progress read_reason(std::string_view bytes) noexcept;
    progress read_line_end(std::string_view bytes) noexcept;
    progress read_fields(std::string_view bytes) noexcept;
    std::string_view understand(std::string_view bytes) noexcept;

    head_limits limits_;
    std::size_t position_ = 0;
    std::size_t begin_ = 0;
    place place_ = place::version;
    progress progress_ = progress::incomplete;
    http::failure failure_;
    response_head head_;
    detail::field_section fields_;
};

}  // namespace penstock::http
