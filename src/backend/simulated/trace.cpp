#include "backend/simulated/trace.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace penstock::detail {

trace::line& trace::line::operator<<(std::string_view text) noexcept {
    const std::size_t n = std::min(text.size(), bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, text.data(), n);
    size_ += n;
    return *this;
}

trace::line& trace::line::operator<<(std::int64_t number) noexcept {
    std::array<char, 24> digits;
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    static_cast<void>(error);  // 64 bits fit
    return *this << std::string_view(digits.data(), end);
}

void trace::add(std::string_view one) noexcept {
    const auto mix = [this](char c) { hash_ = (hash_ ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3; };
    std::ranges::for_each(one, mix);
    mix('\n');
    if (!keeps_) return;
    if (text_.size() + one.size() >= limit_) text_.erase(0, text_.find('\n', text_.size() / 2) + 1);
    text_.append(one).push_back('\n');
}

}  // namespace penstock::detail
