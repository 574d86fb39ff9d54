#include "http/bytes.hpp"

#include <gtest/gtest.h>

#include <string>

namespace penstock::http::detail {
namespace {

TEST(http_bytes, are_classed_as_the_grammar_has_them) {
    for (unsigned c = 0; c < 256; ++c) {
        const auto byte = static_cast<char>(c);
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool digit = c >= '0' && c <= '9';
        EXPECT_EQ(is(token_byte, byte),
                  letter || digit || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").contains(byte)))
            << c;
        EXPECT_EQ(is(text_byte, byte), c == '\t' || (c >= 0x20 && c != 0x7f)) << c;
        EXPECT_EQ(is(target_byte, byte), c > 0x20 && c < 0x7f && c != '#') << c;
        EXPECT_EQ(is(hex_byte, byte), digit || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) << c;
    }
}

// Eight bytes at a time finds what one byte at a time finds: each byte at each place of runs of each length.
TEST(http_bytes, end_a_long_run_where_they_end_a_short_one) {
    for (std::size_t size = 0; size <= 24; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (unsigned c = 0; c < 256; ++c) {
                std::string run(size, 'x');
                run[at] = static_cast<char>(c);
                ASSERT_EQ(end_of_text(run, 0), end_of_run(text_byte, run, 0)) << size << ' ' << at << ' ' << c;
                ASSERT_EQ(end_of_target(run, 0), end_of_run(target_byte, run, 0)) << size << ' ' << at << ' ' << c;
                ASSERT_EQ(end_of_text(run, at), end_of_run(text_byte, run, at)) << size << ' ' << at << ' ' << c;
            }
        }
    }
}

TEST(http_bytes, of_two_kinds_in_one_word_end_a_run_at_the_first) {
    for (unsigned first = 0; first < 256; ++first) {
        for (unsigned second = 0; second < 256; ++second) {
            const std::string run = {'a', static_cast<char>(first), static_cast<char>(second), 'b', '\t', 'c', '\r',
                                     'd'};
            ASSERT_EQ(end_of_text(run, 0), end_of_run(text_byte, run, 0)) << first << ' ' << second;
            ASSERT_EQ(end_of_target(run, 0), end_of_run(target_byte, run, 0)) << first << ' ' << second;
        }
    }
}

TEST(http_bytes, are_the_same_but_for_case) {
    EXPECT_TRUE(same("Content-LENGTH", "content-length"));
    EXPECT_FALSE(same("content-lengt", "content-length"));
    EXPECT_FALSE(same("content_length", "content-length"));
    EXPECT_TRUE(same("100-CONTINUE", "100-continue"));
    EXPECT_TRUE(same_text("aB^", "Ab^"));
    EXPECT_FALSE(same_text("a^", "a~")) << "they differ in the bit of case, but are no letters";
    EXPECT_FALSE(same_text("ab", "abc"));
}

}  // namespace
}  // namespace penstock::http::detail
