#include <penstock/http/detail/fields.hpp>

#include "http/bytes.hpp"
#include "http/names.hpp"

namespace penstock::http::detail {

void field_section::reset() noexcept {
    count_ = 0;
    place_ = place::line_begin;
    failure_ = {};
}

progress field_section::refuse(std::uint16_t status, std::string_view what) noexcept {
    failure_ = {status, what};
    return progress::failed;
}

// The offset is kept in a local variable: a byte's own store and load would cost more than looking at it.
progress field_section::parse(std::string_view bytes, std::size_t& position) noexcept {
    std::size_t at = position;
    progress so_far = progress::incomplete;
    while (so_far == progress::incomplete && at < bytes.size()) {
        switch (place_) {
            case place::line_begin:
                so_far = begin_line(bytes[at]);
                begin_ = static_cast<std::uint16_t>(at++);
                break;
            case place::name:
                at = end_of_run(token_byte, bytes, at);
                if (at < bytes.size()) so_far = end_name(bytes, at++);
                break;
            case place::before_value:
                while (at < bytes.size() && is_blank(bytes[at])) ++at;
                begin_ = static_cast<std::uint16_t>(at);
                if (at < bytes.size()) place_ = place::value;
                break;
            case place::value:
                at = end_of_text(bytes, at);
                if (at < bytes.size()) so_far = end_value(bytes, at++);
                break;
            case place::line_end:
                if (bytes[at++] != '\n') return refuse(400, "bare CR in a header");
                place_ = place::line_begin;
                break;
            case place::last_line_end:
                if (bytes[at++] != '\n') return refuse(400, "bare CR behind the headers");
                so_far = progress::complete;
                break;
        }
    }
    position = at;
    return so_far;
}

progress field_section::begin_line(char first) noexcept {
    if (first == '\r') {
        place_ = place::last_line_end;
        return progress::incomplete;
    }
    if (!is(token_byte, first)) {
        if (first == '\n') return refuse(400, "bare LF in the headers");
        if (first == ':') return refuse(400, "empty header name");
        if (!is_blank(first)) return refuse(400, "invalid byte in a header name");
        return refuse(400, count_ == 0 ? "white space before the first header" : "folded header line");
    }
    if (count_ == most_) return refuse(431, "too many headers");
    place_ = place::name;
    return progress::incomplete;
}

progress field_section::end_name(std::string_view bytes, std::size_t end) noexcept {
    const char behind = bytes[end];
    if (behind != ':') {
        if (is_blank(behind)) return refuse(400, "space before the colon of a header");
        if (behind == '\r' || behind == '\n') return refuse(400, "header line without a colon");
        return refuse(400, "invalid byte in a header name");
    }
    fields_[count_].name = {begin_, static_cast<std::uint16_t>(end - begin_)};
    place_ = place::before_value;
    return progress::incomplete;
}

progress field_section::end_value(std::string_view bytes, std::size_t end) noexcept {
    if (bytes[end] != '\r') {
        return refuse(400, bytes[end] == '\n' ? "bare LF in a header" : "control character in a header value");
    }
    while (end > begin_ && is_blank(bytes[end - 1])) --end;
    field& line = fields_[count_];
    line.value = {begin_, static_cast<std::uint16_t>(end - begin_)};
    line.id = known_field(text(bytes, line.name));
    line.drop = false;
    ++count_;
    place_ = place::line_end;
    return progress::incomplete;
}

}  // namespace penstock::http::detail
