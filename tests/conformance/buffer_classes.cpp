// Size classes of received buffers: which streams get large ones, and that an empty class is its readers' affair only.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <climits>
#include <fstream>
#include <vector>

namespace penstock::testing {
namespace {

constexpr std::uint32_t small_size = 2048;
constexpr std::uint32_t large_size = 64 * 1024;

class buffer_classes : public on_backend {
  protected:
    /// Class 0 of small buffers, class 1 of `large` large ones, class 2 of tiny ones.
    loop_options with_classes(std::uint16_t large = 16) const {
        loop_options wanted = options();
        wanted.buffers = {.buffer_size = small_size, .count = 64};
        wanted.buffers.more[0] = {.buffer_size = large_size, .count = large};
        wanted.buffers.more[1] = {.buffer_size = 100, .count = 64};
        return wanted;
    }
    bool can_adopt() const { return capabilities()[op_kind::adopt].support != support::unsupported; }
};
PENSTOCK_ON_EVERY_BACKEND(buffer_classes);

/// Receives as many bytes as `text` has, which they must be. \return the size of the largest lease.
template <byte_stream Stream>
task<std::size_t> receive_the(Stream& from, std::string_view text) {
    std::string all;
    std::size_t largest = 0;
    while (all.size() < text.size()) {
        const lease piece = must(co_await from.receive());
        if (piece.empty()) break;
        largest = std::max(largest, piece.size());
        all += piece.text();
    }
    EXPECT_TRUE(same_bytes(all, text));
    co_return largest;
}

/// Sends `text`, and receives it at the other end, first of all as much as the sockets hold.
task<std::size_t> move_across(stream_pair& pair, const std::string& text) {
    std::size_t largest = 0;
    co_await with_scope([&](scope& s) -> task<> {
        std::optional<result<void>> sent;
        spawn(s, keep(send_to(pair.near, text), sent));
        co_await turns(5);
        largest = co_await receive_the(pair.far, text);
        co_await s.join();
        must(std::move(*sent));
    });
    co_return largest;
}

TEST_P(buffer_classes, large_ones_receive_more_per_lease) {
    run(with_classes(), []() -> task<> {
        const std::string text = pattern(256 * 1024);
        auto pair = co_await connected();
        const std::size_t usual = co_await move_across(pair, text);
        EXPECT_LE(usual, small_size);
        must(pair.far.receive_in(1));
        const std::size_t largest = co_await move_across(pair, text);
        EXPECT_GT(largest, small_size);
        EXPECT_LE(largest, large_size);
        must(pair.far.receive_in(2));
        const std::size_t least = co_await move_across(pair, pattern(20'000));
        EXPECT_LE(least, 100U);
        const buffer_pool_statistics now = current_loop->statistics().buffers;
        EXPECT_EQ(now.more[0].buffer_size, large_size);
        EXPECT_EQ(now.more[0].count, 16);
        EXPECT_GT(now.more[0].most_in_use, 0);
        EXPECT_EQ(now.more[2].count, 0);
    });
}

// The receive that waits is started again in the other class, also by somebody who is not its reader.
TEST_P(buffer_classes, a_waiting_receive_goes_on_in_another) {
    run(with_classes(), []() -> task<> {
        const std::string text = pattern(32 * 1024);
        auto pair = co_await connected();
        for (const unsigned wanted : {1U, 0U, 1U}) {
            std::size_t largest = 0;
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, [](net::stream& from, const std::string& all, std::size_t& most) -> task<> {
                    most = co_await receive_the(from, all);
                }(pair.far, text, largest));
                co_await turns(3);
                must(pair.far.receive_in(wanted));
                co_await turns(5);
                must(co_await pair.near.send(text));
                co_await s.join();
            });
            if (wanted == 1) {
                EXPECT_GT(largest, small_size);
            } else {
                EXPECT_LE(largest, small_size);
            }
        }
    });
}

task<> send_all(net::stream& to, const std::string& text) {
    constexpr std::size_t piece = 7000;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        must(co_await to.send(std::string_view(text).substr(at, piece)));
        if (at / piece % 4 == 0) co_await yield();
    }
}

task<> receive_all_in(net::stream& from, const std::string& text, unsigned first) {
    std::string all;
    for (unsigned n = first; all.size() < text.size(); ++n) {
        if (n % 3 == 0) must(from.receive_in(n / 3 % 3));  // while one may be under way ahead of the reader
        const lease piece = must(co_await from.receive());
        if (piece.empty()) break;
        all += piece.text();
    }
    EXPECT_TRUE(same_bytes(all, text));
}

TEST_P(buffer_classes, switching_while_bytes_flow_in_both_directions_loses_none) {
    run(with_classes(), []() -> task<> {
        auto pair = co_await connected();
        const std::string there = pattern(400'000, 1);
        const std::string back = pattern(300'000, 2);
        co_await with_scope([&](scope& s) -> task<> {
            bool done = false;
            // Somebody beside the readers, who meets receives in every state.
            spawn(s, [](stream_pair& both, const bool& ended) -> task<> {
                unsigned i = 0;
                while (!ended) {
                    must(both.near.receive_in(i % 3));
                    if (i % 2 == 0) must(both.far.receive_in(i / 2 % 3));
                    ++i;
                    co_await turns(2);
                }
            }(pair, done));
            std::vector<task<>> all;
            all.push_back(send_all(pair.near, there));
            all.push_back(receive_all_in(pair.far, there, 0));
            all.push_back(send_all(pair.far, back));
            all.push_back(receive_all_in(pair.near, back, 4));
            co_await when_all(std::move(all));
            done = true;
            co_await s.join();
        });
    });
}

/// Keeps both of the class's two buffers.
task<std::vector<lease>> keep_both(stream_pair& hoarder) {
    std::vector<lease> held;
    must(hoarder.far.receive_in(1));
    while (held.size() < 2) {
        must(co_await hoarder.near.send("kept"));
        held.push_back(must(co_await hoarder.far.receive()));
    }
    co_return held;
}

task<> parked_readers(std::uint64_t wanted) {
    co_await until([&] { return current_loop->statistics().parked >= wanted; });
}

task<> ping(stream_pair& pair) {
    for (int i = 0; i < 20; ++i) {
        must(co_await pair.near.send("ping"));
        const lease got = must(co_await with_timeout(5s, pair.far.receive()));
        EXPECT_EQ(got.text(), "ping");
    }
}

TEST_P(buffer_classes, an_empty_one_stops_its_readers_only_until_a_lease_ends) {
    run(with_classes(2), []() -> task<> {
        auto hoarder = co_await connected();
        auto waiting = co_await connected();
        auto other = co_await connected();
        std::vector<lease> held = co_await keep_both(hoarder);
        must(waiting.far.receive_in(1));
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<lease>> got;
            spawn(s, keep(receive_from(waiting.far), got));
            must(co_await waiting.near.send("late"));
            co_await parked_readers(1);
            co_await ping(other);
            EXPECT_FALSE(got.has_value());
            const loop_statistics now = current_loop->statistics();
            EXPECT_EQ(now.buffers.more[0].in_use, 2);
            EXPECT_EQ(now.buffers.exhausted, 0U);
            held.pop_back();
            co_await s.join();
            EXPECT_EQ(must(std::move(*got)).text(), "late");
        });
    });
}

TEST_P(buffer_classes, a_parked_reader_that_changes_to_another_goes_on) {
    run(with_classes(2), []() -> task<> {
        auto hoarder = co_await connected();
        auto waiting = co_await connected();
        const std::vector<lease> held = co_await keep_both(hoarder);
        must(waiting.far.receive_in(1));
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<lease>> got;
            spawn(s, keep(receive_from(waiting.far), got));
            must(co_await waiting.near.send("at last"));
            co_await parked_readers(1);
            EXPECT_FALSE(got.has_value());
            must(waiting.far.receive_in(0));
            co_await s.join();
            EXPECT_EQ(must(std::move(*got)).text(), "at last");
        });
    });
}

TEST_P(buffer_classes, a_parked_reader_ends_by_cancellation_and_by_close) {
    run(with_classes(2), []() -> task<> {
        auto hoarder = co_await connected();
        auto waiting = co_await connected();
        const std::vector<lease> held = co_await keep_both(hoarder);
        must(waiting.far.receive_in(1));
        must(co_await waiting.near.send("unread"));
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<lease>> stopped;
            spawn(s, keep(receive_from(waiting.far), stopped));
            co_await parked_readers(1);
            s.cancel();
            co_await s.join();
            EXPECT_TRUE(is_cancelled(*stopped));
        });
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<lease>> got;
            spawn(s, keep(receive_from(waiting.far), got));
            co_await turns(5);
            must(co_await waiting.far.close());
            co_await s.join();
            EXPECT_TRUE(is_cancelled(*got));
        });
    });
}

TEST_P(buffer_classes, that_a_loop_does_not_have_are_refused) {
    run(with_classes(), []() -> task<> {
        auto pair = co_await connected();
        must(pair.far.receive_in(1));
        for (const unsigned none : {3U, 4U, 256U, 257U, UINT_MAX}) {
            EXPECT_TRUE(is_error(pair.far.receive_in(none), std::errc::invalid_argument)) << none;
        }
        const std::size_t largest = co_await move_across(pair, pattern(64 * 1024));
        EXPECT_GT(largest, small_size) << "it stays with the one before";
        must(co_await pair.far.close());
        EXPECT_TRUE(is_error(pair.far.receive_in(0), std::errc::bad_file_descriptor));
    });
    run([]() -> task<> {
        auto pair = co_await connected();
        EXPECT_TRUE(is_error(pair.far.receive_in(1), std::errc::invalid_argument));
        must(pair.far.receive_in(0));
        must(co_await pair.near.send("x"));
        const lease got = must(co_await pair.far.receive());
        EXPECT_EQ(got.text(), "x");
    });
}

TEST_P(buffer_classes, all_their_buffers_come_back) {
    const auto l = make_loop(with_classes());
    ASSERT_NE(l, nullptr);
    std::array<int, most_buffer_classes> at_first{};  // a mechanism may keep some for itself
    std::array<int, most_buffer_classes> at_last{};
    const auto in_use = [&] {
        const buffer_pool_statistics now = l->statistics().buffers;
        return std::array<int, most_buffer_classes>{now.in_use, now.more[0].in_use, now.more[1].in_use,
                                                    now.more[2].in_use};
    };
    const auto body = [&]() -> task<> {
        co_await turns(3);
        at_first = in_use();
        for (unsigned round = 0; round < 12; ++round) {
            auto pair = co_await connected();
            must(pair.far.receive_in(round % 3));
            must(co_await pair.near.send(pattern(8000)));
            const lease first = must(co_await pair.far.receive());
            must(pair.far.receive_in((round + 1) % 3));  // the rest is dropped with the stream, and the receive ends
        }
        co_await until([] { return current_loop->statistics().records == 0; });
        co_await turns(3);
        at_last = in_use();
    };
    run_on(*l, body);
    EXPECT_EQ(at_last, at_first);
    for (const buffer_class_statistics& c : l->statistics().buffers.more) EXPECT_EQ(c.most_in_use > 0, c.count > 0);
}

// --- What is adopted ---

TEST_P(buffer_classes, a_pipe_is_read_into_large_ones) {
    if (!can_adopt()) GTEST_SKIP() << capabilities()[op_kind::adopt].why;
    run(with_classes(), []() -> task<> {
        const std::string text = pattern(32 * 1024);
        for (const bool ahead : {false, true}) {
            auto [from, to] = must(co_await make_pipe());
            from.set_reading_ahead(ahead);
            must(co_await to.send(text));
            must(from.receive_in(1));
            const std::size_t largest = co_await receive_the(from, text);
            EXPECT_GT(largest, small_size);
            must(from.receive_in(0));
            must(co_await to.send(text));
            const std::size_t usual = co_await receive_the(from, text);
            EXPECT_LE(usual, small_size);
            EXPECT_TRUE(is_error(from.receive_in(3), std::errc::invalid_argument));
        }
    });
}

TEST_P(buffer_classes, a_pipes_waiting_read_goes_on_in_another_and_loses_nothing) {
    if (!can_adopt()) GTEST_SKIP() << capabilities()[op_kind::adopt].why;
    run(with_classes(), []() -> task<> {
        for (const bool ahead : {false, true}) {
            auto [from, to] = must(co_await make_pipe());
            from.set_reading_ahead(ahead);
            for (unsigned i = 1; i < 7; ++i) {
                co_await with_scope([&](scope& s) -> task<> {
                    std::optional<result<lease>> got;
                    spawn(s, keep(receive_from(from), got));
                    co_await turns(static_cast<int>(i));
                    must(from.receive_in(i % 3));
                    if (i % 2 == 0) co_await turns(2);
                    must(co_await to.send("x"));
                    co_await s.join();
                    EXPECT_EQ(must(std::move(*got)).text(), "x") << i;
                });
            }
        }
    });
}

TEST_P(buffer_classes, an_empty_one_stops_only_the_pipes_and_files_that_want_it) {
    if (!can_adopt()) GTEST_SKIP() << capabilities()[op_kind::adopt].why;
    const temporary_directory directory;
    const std::string path = directory / "file";
    const std::string text = pattern(10'000);
    std::ofstream(path, std::ios::binary) << text;
    run(with_classes(2), [&]() -> task<> {
        auto hoarder = co_await connected();
        std::vector<lease> held = co_await keep_both(hoarder);
        auto [from, to] = must(co_await make_pipe());
        auto late = must(co_await adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
        auto other = must(co_await adopt(::open(path.c_str(), O_RDONLY | O_CLOEXEC)));
        must(from.receive_in(1));
        must(late.receive_in(1));
        must(co_await to.send("late"));
        co_await with_scope([&](scope& s) -> task<> {
            std::array<std::optional<result<lease>>, 2> got;
            spawn(s, keep(receive_from(from), got[0]));
            spawn(s, keep(receive_from(late), got[1]));
            co_await turns(5);
            const std::string whole = co_await receive_to_end(other);
            EXPECT_TRUE(same_bytes(whole, text));
            EXPECT_FALSE(got[0].has_value() || got[1].has_value());
            held.clear();
            co_await s.join();
            EXPECT_EQ(must(std::move(*got[0])).text(), "late");
            const lease begin = must(std::move(*got[1]));
            EXPECT_TRUE(same_bytes(begin.text(), text.substr(0, begin.size())));
        });
    });
}

}  // namespace
}  // namespace penstock::testing
