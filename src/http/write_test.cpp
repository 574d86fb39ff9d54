#include <penstock/http/write.hpp>

#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <string>

namespace penstock::http {
namespace {

constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

TEST(head_writer, writes_a_head) {
    std::array<char, 128> memory;
    head_writer writer(memory);
    writer.raw("HTTP/1.1 ").number(200).raw(" ").raw(reason_phrase(200)).raw("\r\n");
    writer.field("Content-Length", "0").field("X", "").end();
    EXPECT_TRUE(writer.ok());
    EXPECT_EQ(writer.text(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: \r\n\r\n");
    EXPECT_EQ(writer.text().data(), memory.data());
}

TEST(head_writer, stops_before_the_end_of_its_memory) {
    const std::string whole = "a\r\nb: c\r\n12345678901234567890\r\n";
    for (std::size_t size = 0; size <= whole.size() + 1; ++size) {
        std::string memory(whole.size() + 1, '?');
        head_writer writer(std::span<char>(memory).first(size));
        writer.raw("a").raw("").raw("\r\n").field("b", "c").number(12345678901234567890u).end();
        EXPECT_EQ(writer.ok(), size >= whole.size());
        EXPECT_TRUE(whole.starts_with(writer.text()));
        EXPECT_EQ(memory.substr(size), std::string(memory.size() - size, '?'));
    }
}

TEST(head_writer, writes_nothing_more_once_something_did_not_fit) {
    std::array<char, 4> memory;
    head_writer writer(memory);
    writer.raw("ab").raw("cde").raw("f");
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(writer.text(), "ab");
}

TEST(head_writer, writes_numbers) {
    for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{9}, std::uint64_t{10}, largest}) {
        std::array<char, 20> memory;
        EXPECT_EQ(head_writer(memory).number(number).text(), std::to_string(number));
    }
}

TEST(chunk_size_line, is_hexadecimal) {
    std::array<char, 20> memory;
    EXPECT_EQ(chunk_size_line(memory, 0), "0\r\n");
    EXPECT_EQ(chunk_size_line(memory, 0x1a2b), "1a2b\r\n");
    EXPECT_EQ(chunk_size_line(memory, largest), "ffffffffffffffff\r\n");
}

TEST(reason_phrase, is_known_for_what_the_codec_answers) {
    for (const std::uint16_t status : {100, 101, 200, 204, 304, 400, 413, 414, 417, 431, 501, 502, 503, 504, 505}) {
        EXPECT_FALSE(reason_phrase(status).empty()) << status;
    }
    EXPECT_EQ(reason_phrase(404), "Not Found");
    EXPECT_EQ(reason_phrase(0), "");
    EXPECT_EQ(reason_phrase(999), "");
}

}  // namespace
}  // namespace penstock::http
