#include "http/bytes.hpp"
#include "http/meaning.hpp"
#include "http/names.hpp"
#include <penstock/http/head.hpp>

#include <algorithm>
#include <limits>

namespace penstock::http {

response_parser::response_parser(head_limits limits) noexcept : limits_(limits), fields_(limits.fields) {
    limits_.bytes = std::min<std::uint32_t>(limits.bytes, std::numeric_limits<std::uint16_t>::max());
}

void response_parser::reset() noexcept {
    position_ = begin_ = 0;
    place_ = place::version;
    progress_ = progress::incomplete;
    failure_ = {};
    head_ = {};
    fields_.reset();
}

progress response_parser::refuse(std::string_view what) noexcept {
    failure_ = {502, what};
    return progress::failed;
}

progress response_parser::parse(std::string_view bytes) noexcept {
    if (progress_ != progress::incomplete) return progress_;
    progress_ = parse_on(bytes.substr(0, limits_.bytes));  // as in request_parser::parse()
    if (progress_ == progress::incomplete && bytes.size() >= limits_.bytes) progress_ = refuse("the head is too large");
    return progress_;
}

progress response_parser::parse_on(std::string_view bytes) noexcept {
    progress part = progress::complete;
    switch (place_) {
        case place::version:
            if ((part = read_version(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::status:
            if ((part = read_status(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::reason:
            if ((part = read_reason(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::line_end:
            if ((part = read_line_end(bytes)) != progress::complete) return part;
            [[fallthrough]];
        case place::fields: return read_fields(bytes);
    }
    return part;
}

progress response_parser::read_version(std::string_view bytes) noexcept {
    const detail::version version = detail::read_version(bytes);
    if (version.found == progress::incomplete) return progress::incomplete;
    if (version.found == progress::failed) return refuse("the response does not begin with a version");
    if (version.major != 1 || version.minor > 1) return refuse("the response is neither HTTP/1.0 nor HTTP/1.1");
    head_.minor_version = version.minor;
    position_ = detail::version_size;
    place_ = place::status;
    return progress::complete;
}

/// A space and three digits. They are looked at again if not all are there yet: five bytes are not worth a state.
progress response_parser::read_status(std::string_view bytes) noexcept {
    const std::string_view found = bytes.substr(std::min(position_, bytes.size()));
    if (!found.empty() && found[0] != ' ') return refuse("no space behind the version");
    if (found.size() > 1 && (found[1] < '1' || found[1] > '9')) return refuse("the status is not in 100 to 999");
    if (found.size() > 2 && !detail::is_digit(found[2])) return refuse("the status is not three digits");
    if (found.size() > 3 && !detail::is_digit(found[3])) return refuse("the status is not three digits");
    if (found.size() < 5) return progress::incomplete;
    if (found[4] != ' ' && found[4] != '\r') return refuse("the status is not three digits");
    head_.status = static_cast<std::uint16_t>((found[1] - '0') * 100 + (found[2] - '0') * 10 + (found[3] - '0'));
    // The space that belongs behind the status is often left out with the reason, and nothing depends on it.
    position_ += found[4] == ' ' ? 5 : 4;
    begin_ = position_;
    place_ = place::reason;
    return progress::complete;
}

progress response_parser::read_reason(std::string_view bytes) noexcept {
    position_ = detail::end_of_text(bytes, position_);
    if (position_ >= bytes.size()) return progress::incomplete;
    if (bytes[position_] == '\n') return refuse("bare LF behind the status line");
    if (bytes[position_] != '\r') return refuse("control character in the reason");
    head_.reason = detail::range(begin_, position_);
    ++position_;
    place_ = place::line_end;
    return progress::complete;
}

progress response_parser::read_line_end(std::string_view bytes) noexcept {
    if (position_ >= bytes.size()) return progress::incomplete;
    if (bytes[position_] != '\n') return refuse("bare CR behind the status line");
    ++position_;
    place_ = place::fields;
    return progress::complete;
}

progress response_parser::read_fields(std::string_view bytes) noexcept {
    const progress all = fields_.parse(bytes, position_);
    if (all == progress::failed) return refuse(fields_.failure().what);
    if (all == progress::incomplete) return all;
    const std::string_view why = understand(bytes);
    return why.empty() ? progress::complete : refuse(why);
}

std::string_view response_parser::understand(std::string_view bytes) noexcept {
    using enum body_kind;
    const detail::meaning said = detail::understand_fields(bytes, fields_.fields(), head_.minor_version);
    if (!said.refused.empty()) return said.refused;
    const bool announces_body = said.body.kind == chunked || said.body.length > 0;
    if (head_.status < 200 && announces_body) return "an interim response with a body";
    head_.upgrade = head_.status == 101 && detail::upgrades(said, head_.minor_version);
    if (head_.status == 101 && !head_.upgrade) return "101 without an upgrade";
    if (head_.upgrade) head_.upgrade_to = said.upgrade_to;
    head_.as_sent = said.body.kind == none ? framing{until_close, 0} : said.body;
    // 204 has no body whatever it announces, but its sender may think otherwise: nothing is to be read behind it.
    head_.keep_alive = detail::persists(said, head_.minor_version) && !(head_.status == 204 && announces_body);
    head_.fields = fields_.fields();
    return {};
}

}  // namespace penstock::http
