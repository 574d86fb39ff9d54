#include <penstock/http/body.hpp>

#include "base/check.hpp"
#include "http/bytes.hpp"

#include <algorithm>

namespace penstock::http {
namespace {

constexpr std::uint8_t most_digits = 16;
/// Framing that is not paid for by data, in bytes: chunks of one byte with long extensions would cost much to read and
/// bring little.
constexpr std::uint32_t most_overhead = 16 * 1024;
constexpr std::uint32_t free_per_chunk = 16;

constexpr std::uint64_t hex_value(char digit) noexcept {
    return static_cast<std::uint64_t>(detail::is_digit(digit) ? digit - '0' : (digit | 0x20) - 'a' + 10);
}

}  // namespace

body_reader::body_reader(framing body) noexcept {
    switch (body.kind) {
        case body_kind::none: break;
        case body_kind::length:
            left_ = body.length;
            if (left_ > 0) place_ = place::length;
            break;
        case body_kind::chunked: place_ = place::size_begin; break;
        case body_kind::until_close: place_ = place::until_close; break;
    }
}

body_reader::event body_reader::next(std::string_view in) noexcept {
    if (place_ == place::until_close) return {in.empty() ? what::need_more : what::data, in.size(), in};
    if (place_ == place::length) return take_run(in, 0);
    return next_of_chunks(in);
}

/// What `in` has of the body or the chunk behind `used` bytes of framing.
body_reader::event body_reader::take_run(std::string_view in, std::size_t used) noexcept {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size() - used));
    if (size == 0) return {what::need_more, used, {}};
    left_ -= size;
    if (left_ == 0) place_ = place_ == place::chunk ? place::chunk_return : place::over;
    return {what::data, used + size, in.substr(used, size)};
}

body_reader::event body_reader::next_of_chunks(std::string_view in) noexcept {
    std::size_t used = 0;
    while (place_ != place::over && place_ != place::failed) {
        if (place_ == place::chunk) return take_run(in, used);
        if (used == in.size()) return {what::need_more, used, {}};
        step(in[used++]);
    }
    return {place_ == place::over ? what::end : what::failed, used, {}};
}

void body_reader::refuse(std::string_view why) noexcept {
    place_ = place::failed;
    why_ = why;
}

/// One byte of framing.
void body_reader::step(char byte) noexcept {
    switch (place_) {
        case place::size_begin:
        case place::size: return step_size(byte);
        case place::before_semicolon:
        case place::before_extension:
        case place::extension_name:
        case place::before_equals:
        case place::before_extension_value:
        case place::extension_value:
        case place::extension_quoted:
        case place::extension_quoted_pair:
        case place::behind_extension_value: return step_extension(byte);
        case place::size_line_end: return byte == '\n' ? end_size_line() : refuse("bare CR behind a chunk size");
        case place::chunk_return:
            if (byte != '\r') return refuse("a chunk is longer than its size");
            place_ = place::chunk_line_end;
            return;
        case place::chunk_line_end:
            if (byte != '\n') return refuse("bare CR behind a chunk");
            place_ = place::size_begin;
            return;
        case place::trailer_begin:
        case place::trailer_name:
        case place::trailer_value:
        case place::trailer_line_end:
        case place::last_line_end: return step_trailer(byte);
        case place::length:
        case place::until_close:
        case place::chunk:
        case place::over:
        case place::failed: return;
    }
}

void body_reader::step_size(char byte) noexcept {
    if (detail::is(detail::hex_byte, byte)) {
        if (++digits_ > most_digits) return refuse("a chunk size has too many digits");
        if (left_ >> 59 != 0) return refuse("a chunk size is too large");  // beyond 2^63-1 with this digit
        left_ = left_ << 4 | hex_value(byte);
        place_ = place::size;
        return;
    }
    if (place_ == place::size_begin) return refuse("a chunk does not begin with a hexadecimal size");
    if (byte == '\r') {
        place_ = place::size_line_end;
    } else if (byte == ';') {
        place_ = place::before_extension;
    } else if (detail::is_blank(byte)) {
        place_ = place::before_semicolon;
    } else {
        refuse(byte == '\n' ? "bare LF behind a chunk size" : "a chunk size is not hexadecimal");
    }
}

/// RFC 9112 7.1.1: *( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ). White space must be followed by
/// what it may stand before.
void body_reader::step_extension(char byte) noexcept {
    constexpr std::string_view malformed = "malformed chunk extension";
    if (++framing_ > longest_chunk_extensions) return refuse("the extensions of a chunk are too long");
    const bool blank = detail::is_blank(byte);
    const bool token = detail::is(detail::token_byte, byte);
    const bool may_end =
        place_ == place::extension_name || place_ == place::extension_value || place_ == place::behind_extension_value;
    if (may_end && byte == '\r') {
        place_ = place::size_line_end;
        return;
    }
    switch (place_) {
        case place::before_extension:
            if (blank) return;
            return token ? go(place::extension_name) : refuse(malformed);
        case place::extension_name:
            if (token) return;
            if (blank) return go(place::before_equals);
            [[fallthrough]];
        case place::before_equals:
            if (blank) return;
            if (byte == '=') return go(place::before_extension_value);
            return byte == ';' ? go(place::before_extension) : refuse(malformed);
        case place::before_extension_value:
            if (blank) return;
            if (byte == '"') return go(place::extension_quoted);
            return token ? go(place::extension_value) : refuse(malformed);
        case place::extension_quoted:
            if (byte == '"') return go(place::behind_extension_value);
            if (byte == '\\') return go(place::extension_quoted_pair);
            return detail::is(detail::text_byte, byte) ? void() : refuse(malformed);
        case place::extension_quoted_pair:
            return detail::is(detail::text_byte, byte) ? go(place::extension_quoted) : refuse(malformed);
        case place::extension_value:
            if (token) return;
            [[fallthrough]];
        default:  // behind a value, or the white space before a semicolon
            if (blank) return go(place::before_semicolon);
            return byte == ';' ? go(place::before_extension) : refuse(malformed);
    }
}

void body_reader::end_size_line() noexcept {
    overhead_ += digits_ + framing_ + 2;
    const std::uint64_t paid = free_per_chunk + 2 * std::min<std::uint64_t>(left_, most_overhead);
    overhead_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(overhead_, paid));
    if (overhead_ > most_overhead) return refuse("too much framing for so little data");
    place_ = left_ > 0 ? place::chunk : place::trailer_begin;
    digits_ = 0;
    framing_ = 0;
}

/// As the fields of a head, but nobody wants to know them.
void body_reader::step_trailer(char byte) noexcept {
    if (++framing_ > longest_trailers) return refuse("the trailers are too long");
    const bool token = detail::is(detail::token_byte, byte);
    switch (place_) {
        case place::trailer_begin:
            if (byte == '\r') return go(place::last_line_end);
            if (!token) return refuse("a trailer does not begin with a name");
            return ++digits_ > most_trailers ? refuse("too many trailers") : go(place::trailer_name);
        case place::trailer_name:
            if (byte == ':') return go(place::trailer_value);
            return token ? void() : refuse("invalid byte in the name of a trailer");
        case place::trailer_value:
            if (byte == '\r') return go(place::trailer_line_end);
            return detail::is(detail::text_byte, byte) ? void() : refuse("control character in a trailer");
        case place::trailer_line_end: return byte == '\n' ? go(place::trailer_begin) : refuse("bare CR in a trailer");
        default: return byte == '\n' ? go(place::over) : refuse("bare CR behind the trailers");
    }
}

bool body_reader::ended() const noexcept { return place_ == place::over; }

std::uint64_t body_reader::left() const noexcept {
    if (place_ == place::length) return left_;
    return place_ == place::over ? 0 : no_length;
}

void body_reader::skip(std::uint64_t bytes) noexcept {
    if (place_ == place::until_close || bytes == 0) return;
    PENSTOCK_CHECK(place_ == place::length && bytes <= left_, "skip() beyond the end of a body of known length");
    left_ -= bytes;
    if (left_ == 0) place_ = place::over;
}

bool body_reader::complete_at_close() const noexcept { return place_ == place::over || place_ == place::until_close; }

}  // namespace penstock::http
