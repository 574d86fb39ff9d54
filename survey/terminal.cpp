#include "terminal.hpp"

#include <langinfo.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace survey {

terminal terminal::of(int descriptor) {
    std::setlocale(LC_CTYPE, "");
    const char* const type = std::getenv("TERM");
    const char* const no_colour = std::getenv("NO_COLOR");
    const bool capable = ::isatty(descriptor) == 1 && type != nullptr && std::string_view(type) != "dumb";
    return {.colours = capable && (no_colour == nullptr || *no_colour == '\0'),
            .unicode = std::string_view(::nl_langinfo(CODESET)) == "UTF-8",
            .moves = capable};
}

std::string terminal::painted(std::string_view how, std::string_view text) const {
    if (!colours) return std::string(text);
    return "\033[" + std::string(how) + "m" + std::string(text) + "\033[0m";
}

std::string terminal::bar(double share) const {
    constexpr int steps = 20;
    const int done = std::clamp(static_cast<int>(std::lround(share * steps)), 0, steps);
    std::string drawn;
    for (int i = 0; i < steps; ++i) {
        if (unicode) {
            drawn += i < done ? "━" : "─";
        } else {
            drawn += i < done ? '#' : '-';
        }
    }
    return drawn;
}

std::string grouped(double number) {
    const std::string digits = fixed(number, 0);
    std::string text;
    for (std::size_t i = 0; i < digits.size(); ++i) {
        if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
        text += digits[i];
    }
    return text;
}

std::string fixed(double number, int decimals) {
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", decimals, number);
    return text;
}

std::string left(std::string_view text, std::size_t width) {
    return std::string(text) + std::string(width - std::min(width, text.size()), ' ');
}

std::string right(std::string_view text, std::size_t width) {
    return std::string(width - std::min(width, text.size()), ' ') + std::string(text);
}

}  // namespace survey
