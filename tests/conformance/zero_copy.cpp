// Sends without copying: the bytes arrive, and the memory is its owner's again when the await ends, and not before.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace penstock::testing {
namespace {

constexpr std::size_t kibibyte = 1024;

class zero_copy_sends : public on_backend {
  protected:
    static constexpr std::size_t from = 4 * kibibyte;

    loop_options lending() const {
        loop_options wanted = options();
        wanted.bounds.zero_copy_from = from;
        return wanted;
    }

    /// The backend's own word; each must give one.
    feature_report told() const {
        const std::unique_ptr<loop> l = make_loop(lending());
        if (l == nullptr) return {};
        const auto& all = l->explain().features;
        const auto found = std::ranges::find(all, "zero-copy send", &feature_report::name);
        EXPECT_NE(found, all.end()) << "not told";
        return found == all.end() ? feature_report{} : *found;
    }
};
PENSTOCK_ON_EVERY_BACKEND(zero_copy_sends);

std::uint64_t lent_so_far() { return current_loop->statistics().zero_copy_sends; }

/// Sends in two slices, and uses the memory for something else as soon as it may.
task<> send_and_overwrite(net::stream& to, std::string bytes) {
    const std::string_view all = bytes;
    const std::array<io_slice, 2> halves{io_slice(all.substr(0, all.size() / 2)), io_slice(all.substr(all.size() / 2))};
    must(co_await to.send(halves));
    std::ranges::fill(bytes, '?');
}

task<> expect_whole(net::stream& from, std::size_t size, unsigned seed) {
    const std::string got = co_await receive_exactly(from, size);
    EXPECT_TRUE(same_bytes(got, pattern(size, seed)));
}

// What cannot do it does without, and says so.
TEST_P(zero_copy_sends, arrive_whole) {
    const feature_report feature = told();
    EXPECT_FALSE(feature.detail.empty());
    run(lending(), [&]() -> task<> {
        stream_pair pair = co_await connected();
        for (const std::size_t size : {from - 1, from, 64 * kibibyte, 3000 * kibibyte}) {
            const std::uint64_t before = lent_so_far();
            const auto seed = static_cast<unsigned>(size);
            co_await when_all(send_and_overwrite(pair.near, pattern(size, seed)), expect_whole(pair.far, size, seed));
            const bool lends = feature.on && size >= from;
            EXPECT_EQ(lent_so_far() > before, lends) << size << " bytes: " << lent_so_far() - before;
        }
    });
}

// All of it fits into the socket, so one that is copied would end at once.
TEST_P(zero_copy_sends, end_when_the_peer_has_the_bytes_and_neither_before_nor_in_a_busy_loop) {
    if (const feature_report feature = told(); !feature.on) GTEST_SKIP() << feature.detail;
    run(lending(), []() -> task<> {
        stream_pair pair = co_await connected();
        const std::string much = pattern(1024 * kibibyte);
        bool ended = false;
        co_await with_scope([&](scope& s) -> task<> {
            const auto answer = [](net::stream& near) -> task<> { co_await expect_whole(near, 100, 1); };
            const auto send = [](net::stream& near, const std::string& what, bool& done) -> task<> {
                must(co_await near.send(std::string_view(what)));
                done = true;
            };
            spawn(s, answer(pair.near));
            spawn(s, send(pair.near, much, ended));
            co_await turns(3);
            const std::uint64_t before = current_loop->statistics().turns;
            co_await sleep_for(50ms);
            EXPECT_FALSE(ended);
            EXPECT_LT(current_loop->statistics().turns - before, 20U) << "the loop spins";
            const std::string got = co_await receive_exactly(pair.far, much.size());
            EXPECT_TRUE(same_bytes(got, much));
            must(co_await send_to(pair.far, pattern(100, 1)));
            co_await s.join();
        });
        EXPECT_TRUE(ended);
        EXPECT_GE(lent_so_far(), 1U);
    });
}

// Over loopback the kernel copies what was not to be copied, and says so.
TEST_P(zero_copy_sends, go_plainly_for_a_while_where_they_are_copied_all_the_same) {
    if (const feature_report feature = told(); !feature.on) GTEST_SKIP() << feature.detail;
    run(lending(), []() -> task<> {
        stream_pair pair = co_await connected();
        constexpr int count = 100;
        const auto send = [](net::stream& to) -> task<> {
            const std::string some = pattern(8 * kibibyte);
            for (int i = 0; i < count; ++i) must(co_await to.send(std::string_view(some)));
        };
        const auto drain = [](net::stream& of) -> task<> {
            for (std::size_t got = 0; got < count * 8 * kibibyte;) got += must(co_await of.receive()).size();
        };
        co_await when_all(send(pair.near), drain(pair.far));
        EXPECT_GE(lent_so_far(), 16U);
        EXPECT_LE(lent_so_far(), 24U);  // where a fault makes several calls of one send, the last one's count, too
        EXPECT_GT(current_loop->statistics().zero_copy_copied, 8U);
    });
}

TEST_P(zero_copy_sends, are_many_at_once) {
    run(lending(), [this]() -> task<> {
        const std::size_t count = scaled(24, 2);
        std::vector<stream_pair> pairs;
        for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected());
        constexpr std::size_t size = 96 * kibibyte;
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < count; ++i) {
                const auto seed = static_cast<unsigned>(i);
                spawn(s, send_and_overwrite(pairs[i].near, pattern(size, seed)));
                spawn(s, expect_whole(pairs[i].far, size, seed));
            }
            co_await s.join();
        });
    });
}

TEST_P(zero_copy_sends, over_a_unix_socket_are_copied) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run(lending(), []() -> task<> {
        const temporary_directory directory;
        stream_pair pair = co_await connected(*endpoint::parse("unix:" + (directory / "socket")));
        constexpr std::size_t size = 256 * kibibyte;
        co_await when_all(send_and_overwrite(pair.near, pattern(size)), expect_whole(pair.far, size, 0));
        EXPECT_EQ(lent_so_far(), 0U);
    });
}

// --- Ends that come from elsewhere

// A peer that reads nothing: the memory is the kernel's until the bytes are acknowledged, or the connection is gone.
TEST_P(zero_copy_sends, can_be_cancelled) {
    run(lending(), []() -> task<> {
        const std::string much = pattern(8192 * kibibyte);
        for (const duration after : {duration{0}, duration{100us}, duration{1ms}, duration{20ms}}) {
            stream_pair pair = co_await connected();
            const auto r = co_await with_timeout(after, pair.near.send(std::string_view(much)));
            EXPECT_TRUE(is_error(r, std::errc::timed_out));
        }
    });
}

TEST_P(zero_copy_sends, that_were_taken_whole_are_cancelled_by_a_reset) {
    if (const feature_report feature = told(); !feature.on) GTEST_SKIP() << feature.detail;
    run(lending(), []() -> task<> {
        stream_pair pair = co_await connected();
        const std::string much = pattern(1024 * kibibyte);
        const auto r = co_await with_timeout(10ms, pair.near.send(std::string_view(much)));
        EXPECT_TRUE(is_error(r, std::errc::timed_out));
        const bool lent = lent_so_far() != 0;  // a fault may have kept it from it
        must(co_await pair.near.close());
        result<lease> last = co_await pair.far.receive();
        while (last && !last->empty()) last = co_await pair.far.receive();
        EXPECT_TRUE(!lent || is_error(last, std::errc::connection_reset));
    });
}

TEST_P(zero_copy_sends, end_when_their_stream_is_closed) {
    run(lending(), []() -> task<> {
        const std::string much = pattern(8192 * kibibyte);
        for (int i = 0; i < 4; ++i) {
            stream_pair pair = co_await connected();
            co_await with_scope([&](scope& s) -> task<> {
                const auto send = [](net::stream& near, const std::string& what) -> task<> {
                    const auto r = co_await near.send(std::string_view(what));
                    EXPECT_TRUE(is_cancelled(r));
                };
                spawn(s, send(pair.near, much));
                co_await turns(1 + i * 2);
                must(co_await pair.near.close());
                co_await s.join();
            });
        }
    });
}

TEST_P(zero_copy_sends, end_when_the_peer_resets_the_connection) {
    run(lending(), []() -> task<> {
        stream_pair pair = co_await connected();
        const std::string much = pattern(8192 * kibibyte);
        co_await with_scope([&](scope& s) -> task<> {
            const auto send = [](net::stream& near, const std::string& what) -> task<> {
                const auto r = co_await near.send(std::string_view(what));
                EXPECT_FALSE(r) << "all of it?";
            };
            spawn(s, send(pair.near, much));
            must(co_await pair.far.receive());
            must(co_await pair.far.close());  // with bytes that it has not read
            co_await s.join();
        });
    });
}

// What the kernel tells of one send may come while the next one is under way, and must not end that.
TEST_P(zero_copy_sends, follow_each_other_on_one_stream) {
    run(lending(), []() -> task<> {
        stream_pair pair = co_await connected();
        const auto send_all = [](net::stream& near) -> task<> {
            for (unsigned i = 0; i < 40; ++i) {
                co_await send_and_overwrite(near, pattern(i % 3 == 0 ? 100 : 20 * kibibyte + i, i));
            }
        };
        const auto receive_all = [](net::stream& far) -> task<> {
            std::string expected;
            for (unsigned i = 0; i < 40; ++i) expected += pattern(i % 3 == 0 ? 100 : 20 * kibibyte + i, i);
            const std::string got = co_await receive_exactly(far, expected.size());
            EXPECT_TRUE(same_bytes(got, expected));
        };
        co_await when_all(send_all(pair.near), receive_all(pair.far));
    });
}

}  // namespace
}  // namespace penstock::testing
