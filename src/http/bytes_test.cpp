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

template <class Block>
void expect_ends_of_runs(const std::string& run, std::size_t at) {
    EXPECT_EQ(end_of_text<Block>(run, at), end_of_run(text_byte, run, at));
    EXPECT_EQ(end_of_target<Block>(run, at), end_of_run(target_byte, run, at));
    EXPECT_EQ(end_of_token<Block>(run, at), end_of_run(token_byte, run, at));
}

template <class Block>
class http_bytes_in_blocks : public testing::Test {};
using blocks = testing::Types<word_block, block>;
TYPED_TEST_SUITE(http_bytes_in_blocks, blocks);

// Many bytes at a time find what one byte at a time finds: each byte at each place of runs of each length.
TYPED_TEST(http_bytes_in_blocks, end_a_long_run_where_they_end_a_short_one) {
    for (std::size_t size = 0; size <= 40; ++size) {
        for (std::size_t at = 0; at < size; ++at) {
            for (unsigned c = 0; c < 256; ++c) {
                std::string run(size, 'x');
                run[at] = static_cast<char>(c);
                expect_ends_of_runs<TypeParam>(run, 0);
                expect_ends_of_runs<TypeParam>(run, at);
                expect_ends_of_runs<TypeParam>(run, at + 1);
                if (this->HasFailure()) FAIL() << size << ' ' << at << ' ' << c;
            }
        }
    }
}

TYPED_TEST(http_bytes_in_blocks, of_two_kinds_end_a_run_at_the_first) {
    for (unsigned first = 0; first < 256; ++first) {
        for (unsigned second = 0; second < 256; ++second) {
            const std::string run = {'a', static_cast<char>(first), static_cast<char>(second), 'b', '\t', 'c', '\r',
                                     'd'};
            expect_ends_of_runs<TypeParam>(run + run, 0);
            expect_ends_of_runs<TypeParam>(run + run, 3);
            if (this->HasFailure()) FAIL() << first << ' ' << second;
        }
    }
}

// No byte but the letter itself, large or small, is taken for one.
TEST(http_bytes, are_the_same_as_a_known_text_but_for_case) {
    const auto expect_exact = [](const auto& known, const std::string& text) {
        EXPECT_TRUE(known.is(text));
        EXPECT_FALSE(known.is(text + 'x'));
        EXPECT_FALSE(known.is(text.substr(1)));
        for (std::size_t at = 0; at < text.size(); ++at) {
            for (unsigned c = 0; c < 256; ++c) {
                std::string other = text;
                other[at] = static_cast<char>(c);
                EXPECT_EQ(known.is(other), lower(other[at]) == text[at]) << text << ' ' << at << ' ' << c;
            }
        }
    };
    expect_exact(known_text("te"), "te");
    expect_exact(known_text("via"), "via");
    expect_exact(known_text("host"), "host");
    expect_exact(known_text("upgrade"), "upgrade");
    expect_exact(known_text("content-length"), "content-length");
    expect_exact(known_text("http2-settings"), "http2-settings");
    expect_exact(known_text("proxy-authorization"), "proxy-authorization");
}

TEST(http_bytes, are_the_same_but_for_case) {
    EXPECT_TRUE(same_text("aB^", "Ab^"));
    EXPECT_FALSE(same_text("a^", "a~")) << "they differ in the bit of case, but are no letters";
    EXPECT_FALSE(same_text("ab", "abc"));
}

}  // namespace
}  // namespace penstock::http::detail
