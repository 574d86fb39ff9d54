// Many bytes looked at in one step: sixteen where the machine has SSE2 (every x86-64 has), else eight.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace penstock::http::detail {

// --- Eight bytes in a word -----------------------------------------------------------------------------------

inline constexpr std::uint64_t each_byte = 0x0101010101010101;

/// Nonzero if a byte of `word` is below `limit` (at most 128). The lowest bit set belongs to the first such byte.
constexpr std::uint64_t bytes_below(std::uint64_t word, std::uint8_t limit) noexcept {
    return (word - each_byte * limit) & ~word & (each_byte * 0x80);
}
constexpr std::uint64_t bytes_equal(std::uint64_t word, std::uint8_t byte) noexcept {
    return bytes_below(word ^ (each_byte * byte), 1);
}

inline std::uint64_t load_word(const char* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}

/// Marks bytes of a word: those that are asked for, and perhaps some behind the first of them.
class word_block {
  public:
    static constexpr std::size_t size = sizeof(std::uint64_t);
    explicit word_block(const char* from) noexcept : bytes_(load_word(from)) {}

    class marks {
      public:
        explicit marks(std::uint64_t found) noexcept : found_(found) {}
        friend marks operator|(marks a, marks b) noexcept { return marks(a.found_ | b.found_); }
        bool any() const noexcept { return found_ != 0; }
        /// The place of the first; or one before it, where bytes lie the other way round in a word.
        std::size_t first() const noexcept {
            return std::endian::native == std::endian::little ? static_cast<std::size_t>(std::countr_zero(found_)) / 8
                                                              : 0;
        }
        marks without(std::size_t first_bytes) const noexcept {
            return marks(std::endian::native == std::endian::little ? found_ >> (8 * first_bytes) : found_);
        }

      private:
        std::uint64_t found_;
    };
    marks below(std::uint8_t limit) const noexcept { return marks(bytes_below(bytes_, limit)); }
    marks equal(char byte) const noexcept { return marks(bytes_equal(bytes_, static_cast<std::uint8_t>(byte))); }
    marks not_ascii() const noexcept { return marks(bytes_ & (each_byte * 0x80)); }
    marks neither_letter_nor_dash() const noexcept { return marks(each_byte * 0x80); }  // whoever asks looks closer

  private:
    std::uint64_t bytes_;
};

#if defined(__SSE2__)
// --- Sixteen bytes -------------------------------------------------------------------------------------------

/// The same of sixteen bytes, with exact marks.
class sse2_block {
  public:
    static constexpr std::size_t size = sizeof(__m128i);
    explicit sse2_block(const char* from) noexcept : bytes_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))) {}

    class marks {
      public:
        explicit marks(__m128i found) noexcept : found_(static_cast<unsigned>(_mm_movemask_epi8(found))) {}
        friend marks operator|(marks a, marks b) noexcept { return marks(a.found_ | b.found_); }
        bool any() const noexcept { return found_ != 0; }
        std::size_t first() const noexcept { return static_cast<std::size_t>(std::countr_zero(found_)); }
        marks without(std::size_t first_bytes) const noexcept { return marks(found_ >> first_bytes); }

      private:
        explicit marks(unsigned found) noexcept : found_(found) {}
        unsigned found_;
    };
    marks below(std::uint8_t limit) const noexcept { return marks(at_most(bytes_, limit - 1)); }
    marks equal(char byte) const noexcept { return marks(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8(byte))); }
    marks not_ascii() const noexcept { return marks(bytes_); }
    marks neither_letter_nor_dash() const noexcept {
        const __m128i small = _mm_or_si128(bytes_, _mm_set1_epi8(0x20));
        const __m128i letters = at_most(_mm_sub_epi8(small, _mm_set1_epi8('a')), 'z' - 'a');
        const __m128i dashes = _mm_cmpeq_epi8(bytes_, _mm_set1_epi8('-'));
        return marks(_mm_andnot_si128(_mm_or_si128(letters, dashes), _mm_set1_epi8(-1)));
    }

  private:
    static __m128i at_most(__m128i bytes, int most) noexcept {
        return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(static_cast<char>(most))), bytes);
    }
    __m128i bytes_;
};

using block = sse2_block;
#else
using block = word_block;
#endif

}  // namespace penstock::http::detail
