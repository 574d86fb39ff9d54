// Which bytes may stand where (RFC 9110 5.6, RFC 3986), and how far a run of them goes. Nothing here asks the locale.
#pragma once

#include "http/block.hpp"
#include <penstock/http/field.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>

namespace penstock::http::detail {

/// Classes of bytes; a byte may be in several.
enum byte_class : std::uint8_t {
    token_byte = 1,   ///< tchar
    text_byte = 2,    ///< of a field value: HTAB, SP, VCHAR and obs-text
    target_byte = 4,  ///< of a request target: VCHAR but '#', which begins what is never sent
    host_byte = 8,    ///< of a reg-name but '%' and ','; a comma is what two Host fields look like when merged
    hex_byte = 16,
};

inline constexpr std::array<std::uint8_t, 256> byte_classes = [] {
    std::array<std::uint8_t, 256> classes{};
    const auto add = [&](std::string_view bytes, unsigned to) {
        for (const char c : bytes) classes[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(to);
    };
    const auto add_range = [&](unsigned first, unsigned last, unsigned to) {
        for (unsigned c = first; c <= last; ++c) classes[c] |= static_cast<std::uint8_t>(to);
    };
    add_range('0', '9', token_byte | host_byte | hex_byte);
    add_range('A', 'Z', token_byte | host_byte);
    add_range('a', 'z', token_byte | host_byte);
    add_range('A', 'F', hex_byte);
    add_range('a', 'f', hex_byte);
    add("!#$%&'*+-.^_`|~", token_byte);
    add("-._~!$&'()*+;=", host_byte);
    add_range(0x21, 0x7e, text_byte | target_byte);
    add_range(0x80, 0xff, text_byte);
    add("\t ", text_byte);
    classes['#'] &= static_cast<std::uint8_t>(~target_byte);
    return classes;
}();

constexpr bool is(byte_class wanted, char byte) noexcept {
    return (byte_classes[static_cast<unsigned char>(byte)] & wanted) != 0;
}
constexpr bool is_digit(char byte) noexcept { return byte >= '0' && byte <= '9'; }
constexpr bool is_blank(char byte) noexcept { return byte == ' ' || byte == '\t'; }

/// The offset of the first byte from `at` on that is not of the class; the size of `bytes` if all are.
constexpr std::size_t end_of_run(byte_class wanted, std::string_view bytes, std::size_t at) noexcept {
    while (at < bytes.size() && is(wanted, bytes[at])) ++at;
    return at;
}

/// Offsets in a head are below 65536, the most that head_limits allows.
constexpr text_range range(std::size_t begin, std::size_t end) noexcept {
    return {static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end - begin)};
}

// --- A block at a time: most of a head are values, names and the target --------------------------------------

/// As end_of_run(). `suspects` marks, in a block, those that may end the run, and none too few; it is the table that
/// decides. What is left at the end, and is less than a block, is looked at as the end of a block.
template <class Block = block, class Suspects>
std::size_t end_of_long_run(byte_class wanted, std::string_view bytes, std::size_t at, Suspects suspects) noexcept {
    if (bytes.size() < Block::size) return end_of_run(wanted, bytes, at);
    while (at < bytes.size()) {
        const std::size_t begin = std::min(at, bytes.size() - Block::size);
        const typename Block::marks found = suspects(Block(bytes.data() + begin)).without(at - begin);
        if (!found.any()) {
            at = begin + Block::size;
            continue;
        }
        at += found.first();
        if (!is(wanted, bytes[at])) return at;
        ++at;  // HTAB, or a rare byte of a name
    }
    return at;
}

template <class Block = block>
std::size_t end_of_text(std::string_view bytes, std::size_t at) noexcept {
    return end_of_long_run<Block>(text_byte, bytes, at, [](Block b) noexcept { return b.below(0x20) | b.equal(0x7f); });
}

template <class Block = block>
std::size_t end_of_target(std::string_view bytes, std::size_t at) noexcept {
    return end_of_long_run<Block>(target_byte, bytes, at, [](Block b) noexcept {
        return b.below(0x21) | b.equal(0x7f) | b.equal('#') | b.not_ascii();
    });
}

template <class Block = block>
std::size_t end_of_token(std::string_view bytes, std::size_t at) noexcept {
    return end_of_long_run<Block>(token_byte, bytes, at, [](Block b) noexcept { return b.neither_letter_nor_dash(); });
}

// --- Comparing -----------------------------------------------------------------------------------------------

/// A text to be compared but for the case of letters, several bytes at a time: known_text("host").is(name). It consists
/// of small letters, digits and '-'. The bit of case is set only where it has a letter, so that nothing else is taken
/// for one.
template <std::size_t Size>
class known_text {
  public:
    consteval explicit known_text(const char (&text)[Size + 1]) {
        for (std::size_t i = 0; i < words; ++i) {
            std::array<char, step> bytes{};
            std::array<char, step> cases{};
            for (std::size_t k = 0; k < step; ++k) {
                bytes[k] = text[place(i) + k];
                cases[k] = bytes[k] >= 'a' && bytes[k] <= 'z' ? 0x20 : 0;
            }
            bytes_[i] = std::bit_cast<word>(bytes);
            cases_[i] = std::bit_cast<word>(cases);
        }
    }

    bool is(std::string_view text) const noexcept {
        if (text.size() != Size) return false;
        word differs = 0;
        for (std::size_t i = 0; i < words; ++i) {
            word found = 0;
            std::memcpy(&found, text.data() + place(i), step);
            differs |= static_cast<word>((found | cases_[i]) ^ bytes_[i]);
        }
        return differs == 0;
    }

  private:
    static constexpr std::size_t step = Size >= 8 ? 8 : Size >= 4 ? 4 : 2;
    using word =
        std::conditional_t<step == 8, std::uint64_t, std::conditional_t<step == 4, std::uint32_t, std::uint16_t>>;
    static constexpr std::size_t words = (Size + step - 1) / step;
    /// The last one overlaps the one before it.
    static constexpr std::size_t place(std::size_t i) noexcept { return std::min(i * step, Size - step); }

    std::array<word, words> bytes_{};
    std::array<word, words> cases_{};
};
template <std::size_t N>
known_text(const char (&)[N]) -> known_text<N - 1>;

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// Whether two texts differ in the case of letters only.
constexpr bool same_text(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

}  // namespace penstock::http::detail
