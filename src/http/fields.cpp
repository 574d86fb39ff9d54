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

// One way through the lines, which can be left and entered again at each place. Where it is stays in local variables
// until it is left, so that the compiler makes jumps of the places.
progress field_section::parse(std::string_view bytes, std::size_t& position) noexcept {
    std::size_t at = position;
    std::size_t begin = begin_;
    place here = place_;
    const auto wait = [&] {
        position = at;
        begin_ = static_cast<std::uint16_t>(begin);
        place_ = here;
        return progress::incomplete;
    };
    for (;;) {
        switch (here) {
            case place::line_begin:
                if (at >= bytes.size()) return wait();
                if (bytes[at] == '\r') {
                    ++at;
                    here = place::last_line_end;
                    continue;
                }
                if (!is(token_byte, bytes[at])) return refuse_line(bytes[at]);
                if (count_ == most_) return refuse(431, "too many headers");
                begin = at++;
                here = place::name;
                [[fallthrough]];
            case place::name:
                at = end_of_token(bytes, at);
                if (at >= bytes.size()) return wait();
                if (bytes[at] != ':') return refuse_name(bytes[at]);
                fields_[count_].name = range(begin, at++);
                here = place::before_value;
                [[fallthrough]];
            case place::before_value:
                while (at < bytes.size() && is_blank(bytes[at])) ++at;
                if (at >= bytes.size()) return wait();
                begin = at;
                here = place::value;
                [[fallthrough]];
            case place::value:
                at = end_of_text(bytes, at);
                if (at >= bytes.size()) return wait();
                if (bytes[at] != '\r') return refuse_value(bytes[at]);
                take_value(bytes, begin, at++);
                here = place::line_end;
                [[fallthrough]];
            case place::line_end:
                if (at >= bytes.size()) return wait();
                if (bytes[at++] != '\n') return refuse(400, "bare CR in a header");
                here = place::line_begin;
                continue;
            case place::last_line_end:
                if (at >= bytes.size()) return wait();
                if (bytes[at++] != '\n') return refuse(400, "bare CR behind the headers");
                position = at;
                return progress::complete;
        }
    }
}

void field_section::take_value(std::string_view bytes, std::size_t begin, std::size_t end) noexcept {
    while (end > begin && is_blank(bytes[end - 1])) --end;
    field& line = fields_[count_++];
    line.value = range(begin, end);
    line.id = known_field(text(bytes, line.name));
    line.drop = false;
}

// --- What is wrong, by the byte that proves it ----------------------------------------------------------------

progress field_section::refuse_line(char first) noexcept {
    if (first == '\n') return refuse(400, "bare LF in the headers");
    if (first == ':') return refuse(400, "empty header name");
    if (!is_blank(first)) return refuse(400, "invalid byte in a header name");
    return refuse(400, count_ == 0 ? "white space before the first header" : "folded header line");
}

progress field_section::refuse_name(char behind) noexcept {
    if (is_blank(behind)) return refuse(400, "space before the colon of a header");
    if (behind == '\r' || behind == '\n') return refuse(400, "header line without a colon");
    return refuse(400, "invalid byte in a header name");
}

progress field_section::refuse_value(char behind) noexcept {
    return refuse(400, behind == '\n' ? "bare LF in a header" : "control character in a header value");
}

}  // namespace penstock::http::detail
