// What must be refused in chunks is in tests/http/must_list.json.
#include <penstock/http/body.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <string_view>

namespace penstock::http {
namespace {

using what = body_reader::what;

struct taken {
    std::string data;
    std::size_t consumed = 0;
    bool ended = false;
    std::string_view refused;

    friend bool operator==(const taken&, const taken&) = default;
};

/// Reads `text` in pieces of at most `piece` bytes; what a piece did not need is offered again with the next one.
taken take(framing framing, std::string_view text, std::size_t piece) {
    body_reader reader(framing);
    taken all;
    std::size_t received = 0;
    for (;;) {
        const std::string_view in = text.substr(all.consumed, received - all.consumed);
        const body_reader::event event = reader.next(in);
        EXPECT_LE(event.consumed, in.size());
        EXPECT_EQ(event.kind == what::data, !event.data.empty());
        all.consumed += event.consumed;
        all.data += event.data;
        if (event.kind == what::end || event.kind == what::failed) break;
        if (event.kind == what::need_more && received == text.size()) break;
        if (event.kind == what::need_more) received = std::min(received + piece, text.size());
    }
    all.ended = reader.ended();
    all.refused = reader.failure().what;
    EXPECT_EQ(reader.failure().status, all.refused.empty() ? 0 : 400);
    return all;
}

constexpr framing chunked = {body_kind::chunked, 0};

struct chunks_case {
    std::string text;  // ends with "|", which is behind the body
    std::string data;
};

const chunks_case good_chunks[] = {
    {"0\r\n\r\n|", ""},
    {"0000000000000000\r\n\r\n|", ""},
    {"1\r\na\r\n0\r\n\r\n|", "a"},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n|", "01234567890123456789"},
    {"0000000000000001\r\na\r\n0\r\n\r\n|", "a"},
    {"2\r\n\r\n\r\n3\r\n0\r\n\r\n0\r\n\r\n|", "\r\n0\r\n"},
    {"1;a\r\nx\r\n0\r\n\r\n|", "x"},
    {"1;a=b\r\nx\r\n0;c=d\r\n\r\n|", "x"},
    {"1;a=b;c;d=\"e\";f\r\nx\r\n0\r\n\r\n|", "x"},
    {"1 ; a = b ;c\t=\t\"d\" ;e\r\nx\r\n0\r\n\r\n|", "x"},
    {"1;a=\"\"\r\nx\r\n0\r\n\r\n|", "x"},
    {"1;a=\"; \\\" \\\\ \t\xe9\"\r\nx\r\n0\r\n\r\n|", "x"},
    {"1;" + std::string(1022, 'a') + "\r\nx\r\n0\r\n\r\n|", "x"},
    {"0\r\nX: y\r\n\r\n|", ""},
    {"0\r\nX:\r\nY:\t \r\nX: a:b \xe9\r\n\r\n|", ""},
    {"0\r\nContent-Length: 5\r\nHost:\r\n\r\n|", ""},
};

TEST(body, of_chunks_is_taken_out_of_them) {
    for (const chunks_case& c : good_chunks) {
        SCOPED_TRACE(c.text);
        const taken expected = {.data = c.data, .consumed = c.text.size() - 1, .ended = true, .refused = {}};
        for (std::size_t piece = 1; piece <= c.text.size(); ++piece) EXPECT_EQ(take(chunked, c.text, piece), expected);
    }
}

TEST(body, of_chunks_says_end_again_when_asked_again) {
    body_reader reader(chunked);
    EXPECT_EQ(reader.left(), body_reader::no_length);
    EXPECT_FALSE(reader.ended());
    EXPECT_FALSE(reader.complete_at_close());
    auto event = reader.next("0\r\n\r\nGET");
    EXPECT_EQ(event.kind, what::end);
    EXPECT_EQ(event.consumed, 5u);
    EXPECT_TRUE(reader.ended());
    EXPECT_TRUE(reader.complete_at_close());
    event = reader.next("GET");
    EXPECT_EQ(event.kind, what::end);
    EXPECT_EQ(event.consumed, 0u);
}

TEST(body, that_is_refused_stays_so) {
    body_reader reader(chunked);
    EXPECT_EQ(reader.next("x").kind, what::failed);
    const auto event = reader.next("0\r\n\r\n");
    EXPECT_EQ(event.kind, what::failed);
    EXPECT_EQ(event.consumed, 0u);
    EXPECT_FALSE(reader.ended());
    EXPECT_FALSE(reader.complete_at_close());
    EXPECT_EQ(reader.failure().status, 400);
}

TEST(body, of_chunks_can_have_a_chunk_of_nearly_any_size) {
    body_reader reader(chunked);
    const auto event = reader.next("7fffffffffffffff\r\nabc");
    EXPECT_EQ(event.kind, what::data);
    EXPECT_EQ(event.data, "abc");
    EXPECT_EQ(body_reader(chunked).next("8000000000000000\r\nabc").kind, what::failed);
}

TEST(body, data_are_a_view_into_the_bytes) {
    body_reader reader(chunked);
    const std::string_view in = "3\r\nabcd";
    auto event = reader.next(in);
    EXPECT_EQ(event.data.data(), in.data() + 3);
    EXPECT_EQ(event.data.size(), 3u);
    EXPECT_EQ(event.consumed, 6u);
    EXPECT_EQ(reader.next(in.substr(6)).kind, what::failed);
}

TEST(body, of_chunks_needs_some_data_for_its_framing) {
    const std::string line = "1;" + std::string(1000, 'a') + "\r\nx\r\n";
    std::string text;
    for (int i = 0; i < 1000; ++i) text += line;
    const taken all = take(chunked, text, text.size());
    EXPECT_EQ(all.refused, "too much framing for so little data");
    EXPECT_LT(all.consumed, 20u * 1024);

    const std::string paid = "200;" + std::string(1000, 'a') + "\r\n" + std::string(512, 'x') + "\r\n";
    text.clear();
    for (int i = 0; i < 1000; ++i) text += paid;
    EXPECT_EQ(take(chunked, text + "0\r\n\r\n", 10'000).data.size(), 512'000u);

    text.clear();
    for (int i = 0; i < 100'000; ++i) text += "1\r\nx\r\n";
    EXPECT_EQ(take(chunked, text + "0\r\n\r\n", 4096).data.size(), 100'000u) << "single bytes are not forbidden";
}

TEST(body, trailers_are_bounded) {
    std::string text = "0\r\n";
    for (unsigned i = 0; i < body_reader::most_trailers; ++i) text += "x: y\r\n";
    EXPECT_TRUE(take(chunked, text + "\r\n", 100).ended);
    EXPECT_EQ(take(chunked, text + "x: y\r\n\r\n", 100).refused, "too many trailers");

    const std::string fits(body_reader::longest_trailers - 7, 'x');  // "X:", two ends of lines and the last one's LF
    EXPECT_TRUE(take(chunked, "0\r\nX:" + fits.substr(0, fits.size() + 1) + "\r\n\r\n", 100).ended);
    EXPECT_EQ(take(chunked, "0\r\nX:" + fits + "xx\r\n\r\n", 100).refused, "the trailers are too long");
}

// --- The other kinds -----------------------------------------------------------------------------------------

TEST(body, of_known_length_ends_with_its_last_byte) {
    body_reader reader({body_kind::length, 5});
    EXPECT_EQ(reader.left(), 5u);
    EXPECT_EQ(reader.next("").kind, what::need_more);
    auto event = reader.next("12");
    EXPECT_EQ(event.kind, what::data);
    EXPECT_EQ(event.data, "12");
    EXPECT_EQ(reader.left(), 3u);
    EXPECT_FALSE(reader.complete_at_close());
    event = reader.next("345GET");
    EXPECT_EQ(event.data, "345");
    EXPECT_EQ(event.consumed, 3u);
    EXPECT_TRUE(reader.ended()) << "known before the end is reported";
    EXPECT_EQ(reader.left(), 0u);
    event = reader.next("GET");
    EXPECT_EQ(event.kind, what::end);
    EXPECT_EQ(event.consumed, 0u);
    EXPECT_TRUE(reader.complete_at_close());
}

TEST(body, of_no_bytes_has_ended) {
    for (const framing none : {framing{}, framing{body_kind::length, 0}}) {
        body_reader reader(none);
        EXPECT_TRUE(reader.ended());
        EXPECT_EQ(reader.left(), 0u);
        EXPECT_TRUE(reader.complete_at_close());
        const auto event = reader.next("GET");
        EXPECT_EQ(event.kind, what::end);
        EXPECT_EQ(event.consumed, 0u);
    }
}

TEST(body, can_be_moved_by_other_means) {
    constexpr std::uint64_t most = std::numeric_limits<std::int64_t>::max();
    body_reader reader({body_kind::length, most});
    reader.skip(0);
    reader.skip(most - 3);
    EXPECT_EQ(reader.left(), 3u);
    EXPECT_EQ(reader.next("ab").data, "ab");
    reader.skip(1);
    EXPECT_TRUE(reader.ended());
    EXPECT_EQ(reader.next("x").kind, what::end);
    reader.skip(0);
}

TEST(body_death_test, cannot_be_moved_beyond_its_end) {
    body_reader length({body_kind::length, 5});
    EXPECT_DEATH(length.skip(6), "beyond the end");
    body_reader chunks(chunked);
    EXPECT_DEATH(chunks.skip(1), "of known length");
}

TEST(body, until_close_is_all_there_is) {
    body_reader reader({body_kind::until_close, 0});
    EXPECT_EQ(reader.left(), body_reader::no_length);
    EXPECT_EQ(reader.next("").kind, what::need_more);
    const auto event = reader.next("abc");
    EXPECT_EQ(event.data, "abc");
    EXPECT_EQ(event.consumed, 3u);
    reader.skip(1000);
    EXPECT_FALSE(reader.ended());
    EXPECT_TRUE(reader.complete_at_close());
}

}  // namespace
}  // namespace penstock::http
