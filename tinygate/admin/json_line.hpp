// Writes an object of JSON on one line, piece by piece.
#pragma once

#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tinygate {

/// Writes to memory that is known to have room: `most_of()` for each text and 20 bytes for each number, and the names.
class json_line {
  public:
    explicit json_line(char* to) noexcept : to_(to) {}

    /// What a text may need at most, quotes included.
    static constexpr std::size_t most_of(std::string_view text) noexcept { return 6 * text.size() + 2; }

    json_line& raw(std::string_view text) noexcept {
        std::memcpy(to_, text.data(), text.size());
        to_ += text.size();
        return *this;
    }
    json_line& number(std::uint64_t n) noexcept {
        to_ = std::to_chars(to_, to_ + 20, n).ptr;
        return *this;
    }
    json_line& text(std::string_view text) noexcept {
        *to_++ = '"';
        for (const char c : text) put(c);
        *to_++ = '"';
        return *this;
    }
    char* end() const noexcept { return to_; }

  private:
    // What is logged was checked for control characters by the codec; a quote or backslash is still somebody's idea.
    void put(char c) noexcept {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) {
            constexpr std::string_view hex = "0123456789abcdef";
            raw("\\u00");
            *to_++ = hex[byte >> 4];
            *to_++ = hex[byte & 15];
            return;
        }
        if (c == '"' || c == '\\') *to_++ = '\\';
        *to_++ = c;
    }

    char* to_;
};

}  // namespace tinygate
