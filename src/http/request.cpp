#include "http/bytes.hpp"
#include "http/meaning.hpp"
#include "http/names.hpp"
#include "http/target.hpp"
#include <penstock/http/head.hpp>

#include <algorithm>
#include <limits>

namespace penstock::http {
namespace {

constexpr unsigned most_empty_lines = 4;
constexpr std::size_t longest_method = 32;  // the longest that is registered has 17

}  // namespace

request_parser::request_parser(head_limits limits) noexcept : limits_(limits), fields_(limits.fields) {
    limits_.bytes = std::min<std::uint32_t>(limits.bytes, std::numeric_limits<std::uint16_t>::max());
}

void request_parser::reset() noexcept {
    position_ = begin_ = 0;
    empty_lines_ = 0;
    place_ = place::empty_lines;
    progress_ = progress::incomplete;
    failure_ = {};
    head_ = {};
    fields_.reset();
}

progress request_parser::refuse(std::uint16_t status, std::string_view what) noexcept {
    failure_ = {status, what};
    return progress::failed;
}

progress request_parser::parse(std::string_view bytes) noexcept {
    if (progress_ != progress::incomplete) return progress_;
    // Bytes beyond the limit are never looked at, so that the outcome does not depend on how they arrive.
    progress_ = parse_on(bytes.substr(0, limits_.bytes));
    if (progress_ == progress::incomplete && bytes.size() >= limits_.bytes) {
        progress_ = refuse(431, "the head is too large");
    }
    return progress_;
}

// Each part says complete when it is behind its last byte, and has then moved place_ to the next one.
progress request_parser::parse_on(std::string_view bytes) noexcept {
    progress part = progress::complete;
    switch (place_) {
        case place::empty_lines:
            if ((part = skip_empty_lines(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::method:
            if ((part = read_method(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::target:
            if ((part = read_target(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::version:
            if ((part = read_version(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::line_end:
            if ((part = read_line_end(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::fields: return read_fields(bytes);
    }
    return part;
}

progress request_parser::skip_empty_lines(std::string_view bytes) noexcept {
    while (position_ < bytes.size() && (bytes[position_] == '\r' || bytes[position_] == '\n')) {
        if (bytes[position_] == '\n') return refuse(400, "bare LF before the request");
        if (position_ + 1 == bytes.size()) return progress::incomplete;
        if (bytes[position_ + 1] != '\n') return refuse(400, "bare CR before the request");
        if (++empty_lines_ > most_empty_lines) return refuse(400, "too many empty lines before the request");
        position_ += 2;
    }
    if (position_ >= bytes.size()) return progress::incomplete;
    begin_ = position_;
    place_ = place::method;
    return progress::complete;
}

progress request_parser::read_method(std::string_view bytes) noexcept {
    position_ = detail::end_of_run(detail::token_byte, bytes, position_);
    if (position_ - begin_ > longest_method) return refuse(501, "the method is too long");
    if (position_ >= bytes.size()) return progress::incomplete;
    if (position_ == begin_) return refuse(400, "the request does not begin with a method");
    if (bytes[position_] != ' ') return refuse(400, "no space behind the method");
    head_.method_text = detail::range(begin_, position_);
    head_.method = detail::known_method(text(bytes, head_.method_text));
    begin_ = ++position_;
    place_ = place::target;
    return progress::complete;
}

progress request_parser::read_target(std::string_view bytes) noexcept {
    position_ = detail::end_of_target(bytes, position_);
    if (position_ - begin_ > limits_.target) return refuse(414, "the target is too long");
    if (position_ >= bytes.size()) return progress::incomplete;
    const char behind = bytes[position_];
    if (behind == '\r' || behind == '\n') return refuse(400, "the request line has no version");
    if (behind != ' ') return refuse(400, "invalid byte in the target");
    if (position_ == begin_) return refuse(400, "the target is empty, or two spaces are before it");
    head_.target = detail::range(begin_, position_);
    begin_ = ++position_;
    place_ = place::version;
    return progress::complete;
}

progress request_parser::read_version(std::string_view bytes) noexcept {
    const detail::version version = detail::read_version(bytes.substr(begin_));
    if (version.found == progress::incomplete) return progress::incomplete;
    if (version.found == progress::failed) return refuse(400, "malformed version");
    if (version.major != 1) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    if (version.minor > 1) return refuse(400, "unknown version of HTTP/1");
    head_.minor_version = version.minor;
    position_ = begin_ + detail::version_size;
    place_ = place::line_end;
    return progress::complete;
}

progress request_parser::read_line_end(std::string_view bytes) noexcept {
    if (position_ >= bytes.size()) return progress::incomplete;
    if (bytes[position_] == '\n') return refuse(400, "bare LF behind the request line");
    if (bytes[position_] != '\r') return refuse(400, "something is behind the version");
    if (position_ + 1 >= bytes.size()) return progress::incomplete;
    if (bytes[position_ + 1] != '\n') return refuse(400, "bare CR behind the request line");
    position_ += 2;
    place_ = place::fields;
    return progress::complete;
}

progress request_parser::read_fields(std::string_view bytes) noexcept {
    const progress all = fields_.parse(bytes, position_);
    if (all == progress::failed) failure_ = fields_.failure();
    if (all != progress::complete) return all;
    failure_ = understand(bytes);
    return failure_.status == 0 ? progress::complete : progress::failed;
}

http::failure request_parser::understand(std::string_view bytes) noexcept {
    using enum body_kind;
    if (const std::string_view why = detail::split_target(bytes, head_); !why.empty()) return {400, why};
    const detail::meaning said = detail::understand_fields(bytes, fields_.fields(), head_.minor_version);
    if (!said.refused.empty()) return {400, said.refused};
    if (said.hosts > 1) return {400, "repeated Host"};
    if (said.hosts == 0 && head_.minor_version > 0) return {400, "no Host"};
    if (said.hosts == 1 && !detail::is_authority(text(bytes, said.host), detail::port::optional)) {
        return {400, "invalid Host"};
    }
    if (said.expects_other) return {417, "an expectation other than 100-continue"};
    const bool has_body = said.body.kind == chunked || said.body.length > 0;
    if (has_body && (head_.method == method::connect || head_.method == method::trace)) {
        return {400, "a body with a method that can have none"};
    }
    head_.host = head_.authority.empty() ? said.host : head_.authority;
    head_.body = said.body;
    head_.keep_alive = detail::persists(said, head_.minor_version);
    head_.expects_continue = said.expects_continue && has_body && head_.minor_version > 0;
    head_.upgrade = detail::upgrades(said, head_.minor_version);
    if (head_.upgrade) head_.upgrade_to = said.upgrade_to;
    head_.fields = fields_.fields();
    return {};
}

}  // namespace penstock::http
