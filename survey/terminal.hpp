// What a person sees: columns, a little colour, and one line that moves while something is measured.
#pragma once

#include <string>
#include <string_view>

namespace survey {

/// How a stream is written to. Colours and moving lines are for terminals; what is piped is plain text.
struct terminal {
    bool colours = false;
    bool unicode = false;
    bool moves = false;  ///< a line can be overwritten

    /// Of a file descriptor, by what it is and what the environment says (NO_COLOR, TERM, the locale).
    static terminal of(int descriptor);

    std::string strong(std::string_view text) const { return painted("1", text); }
    std::string faint(std::string_view text) const { return painted("2", text); }
    std::string good(std::string_view text) const { return painted("32", text); }
    std::string bad(std::string_view text) const { return painted("31", text); }
    std::string_view micro() const { return unicode ? "µs" : "us"; }

    /// `[#####-----]`, ten steps.
    std::string bar(double share) const;

  private:
    std::string painted(std::string_view how, std::string_view text) const;
};

/// 1234567 -> "1,234,567".
std::string grouped(double number);
/// With so many decimals.
std::string fixed(double number, int decimals);
/// Padded with spaces to `width` columns; the text must be plain.
std::string left(std::string_view text, std::size_t width);
std::string right(std::string_view text, std::size_t width);

}  // namespace survey
