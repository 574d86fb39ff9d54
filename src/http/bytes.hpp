// Which bytes may stand where (RFC 9110 5.6, RFC 3986), and how far a run of them goes. Nothing here asks the locale.
#pragma once

#include <penstock/http/field.hpp>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

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

// --- Eight bytes at a time: most of a head are values and the target -----------------------------------------

inline constexpr std::uint64_t each_byte = 0x0101010101010101;

/// Nonzero if a byte of `word` is below `limit` (at most 128). The lowest bit set belongs to the first such byte.
constexpr std::uint64_t bytes_below(std::uint64_t word, std::uint8_t limit) noexcept {
    return (word - each_byte * limit) & ~word & (each_byte * 0x80);
}
constexpr std::uint64_t bytes_equal(std::uint64_t word, std::uint8_t byte) noexcept {
    return bytes_below(word ^ (each_byte * byte), 1);
}

/// As end_of_run(). `suspects` marks, in the high bit of each byte of a word, those that may end the run, and none too
/// few; it is the table that decides.
template <class Suspects>
std::size_t end_of_long_run(byte_class wanted, std::string_view bytes, std::size_t at, Suspects suspects) noexcept {
    while (at + sizeof(std::uint64_t) <= bytes.size()) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, sizeof word);
        const std::uint64_t found = suspects(word);
        if (found == 0) {
            at += sizeof word;
            continue;
        }
        if constexpr (std::endian::native == std::endian::little) {
            at += static_cast<std::size_t>(std::countr_zero(found)) / 8;
        }
        if (!is(wanted, bytes[at])) return at;
        ++at;  // HTAB, or not a little-endian machine
    }
    return end_of_run(wanted, bytes, at);
}

inline std::size_t end_of_text(std::string_view bytes, std::size_t at) noexcept {
    return end_of_long_run(text_byte, bytes, at, [](std::uint64_t word) noexcept {
        return bytes_below(word, 0x20) | bytes_equal(word, 0x7f);
    });
}

inline std::size_t end_of_target(std::string_view bytes, std::size_t at) noexcept {
    return end_of_long_run(target_byte, bytes, at, [](std::uint64_t word) noexcept {
        return bytes_below(word, 0x21) | bytes_equal(word, 0x7f) | bytes_equal(word, '#') | (word & (each_byte * 0x80));
    });
}

// --- Comparing -----------------------------------------------------------------------------------------------

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

/// Whether `text` is `known` but for the case of letters. `known` consists of small letters, digits and '-'; with
/// these, and in text without control characters, setting the bit of case cannot make different bytes equal.
constexpr bool same(std::string_view text, std::string_view known) noexcept {
    if (text.size() != known.size()) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if ((text[i] | 0x20) != known[i]) return false;
    }
    return true;
}

/// Whether two texts differ in the case of letters only.
constexpr bool same_text(std::string_view a, std::string_view b) noexcept {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        if (lower(a[i]) != lower(b[i])) return false;
    }
    return true;
}

}  // namespace penstock::http::detail
