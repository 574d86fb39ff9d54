#include "answer_reader.hpp"

#include "content_length.hpp"

#include <charconv>
#include <cstddef>
#include <system_error>

namespace bench {

answer_reader::state answer_reader::take(std::string_view piece) {
    constexpr std::size_t most_head = 16384;
    constexpr std::string_view blank = "\r\n\r\n";
    std::size_t of_body = piece.size();
    if (!in_body_) {
        std::string_view seen = piece;  // mostly the head comes whole and need not be kept
        if (!begun_.empty()) {
            seen = begun_.append(piece);
        }
        const auto end = seen.find(blank);
        if (end == std::string_view::npos) {
            if (begun_.empty()) {
                begun_ = piece;
            }
            return begun_.size() > most_head ? state::broken : state::incomplete;
        }
        if (!read_head(seen.substr(0, end + 2))) {
            return state::broken;
        }
        in_body_ = true;
        left_ = length_;
        of_body = seen.size() - end - blank.size();
    }
    if (of_body > left_) {
        return state::broken;
    }
    left_ -= of_body;
    return left_ == 0 ? state::complete : state::incomplete;
}

void answer_reader::reset() {
    begun_.clear();
    in_body_ = false;
}

bool answer_reader::read_head(std::string_view head) {
    constexpr std::string_view version = "HTTP/1.1 ";
    constexpr std::size_t digits = 3;
    if (!head.starts_with(version) || head.size() < version.size() + digits) {
        return false;
    }
    const char* const first = head.data() + version.size();
    const auto [end, error] = std::from_chars(first, first + digits, status_);
    const auto length = content_length(head);
    length_ = length.value_or(0);
    return error == std::errc{} && end == first + digits && length.has_value();
}

}  // namespace bench
