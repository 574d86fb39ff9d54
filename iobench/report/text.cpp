#include "report/text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace iobench {

std::size_t terminal_columns() noexcept {
    constexpr std::size_t narrowest = 60;
    constexpr std::size_t widest = 120;
    constexpr std::size_t without = 100;
    winsize size{};
    if (::isatty(1) == 0 || ::ioctl(1, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return without;
    return std::clamp<std::size_t>(size.ws_col, narrowest, widest);
}

std::size_t columns_of(std::string_view text) {
    const auto starts = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    return static_cast<std::size_t>(std::ranges::count_if(text, starts));
}

std::string padded_left(std::string_view text, std::size_t columns) {
    const std::size_t wide = columns_of(text);
    return std::string(wide < columns ? columns - wide : 0, ' ') + std::string(text);
}

std::string padded_right(std::string_view text, std::size_t columns) {
    const std::size_t wide = columns_of(text);
    return std::string(text) + std::string(wide < columns ? columns - wide : 0, ' ');
}

std::vector<std::string> wrapped(std::string_view text, std::size_t columns) {
    std::vector<std::string> lines;
    while (!text.empty()) {
        const auto end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (word.empty()) continue;
        if (lines.empty() || columns_of(lines.back()) + 1 + columns_of(word) > columns) {
            lines.emplace_back(word);
        } else {
            lines.back() += " " + std::string(word);
        }
    }
    return lines;
}

std::string paragraph(std::string_view text, std::size_t indent) {
    std::string all;
    for (const std::string& line : wrapped(text, terminal_columns() - indent)) {
        all += std::string(indent, ' ') + line + "\n";
    }
    return all;
}

std::string shaded(std::string_view text, shade how, bool wanted) {
    if (!wanted || how == shade::plain) return std::string(text);
    const char* const code = how == shade::bold ? "1" : how == shade::dim ? "2" : how == shade::green ? "32" : "33";
    return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

}  // namespace iobench
