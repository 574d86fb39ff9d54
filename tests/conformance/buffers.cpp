// Received buffers: credit, exhaustion, and that idle connections own none.
#include "support/on_backend.hpp"

#include <vector>

namespace penstock::testing {
namespace {

using buffers = on_backend;
PENSTOCK_ON_EVERY_BACKEND(buffers);

// The reader keeps its leases; however fast the peer is, the stream gets no more than its credit. Where the kernel
// fills buffers on its own, what is on its way when the credit ends is kept beyond it; the next case is what that may
// not do.
TEST_P(buffers, a_fast_peer_takes_no_more_than_the_credit) {
    loop_options small = options();
    small.buffers = {.buffer_size = 512, .count = 64};
    const int late = capabilities()[op_kind::receive].support == support::native ? small.buffers.count : 0;
    run(small, [&]() -> task<> {
        for (const std::uint16_t credit : {std::uint16_t{1}, std::uint16_t{4}, std::uint16_t{9}}) {
            auto pair = co_await connected();
            pair.far.set_credit(credit);
            const std::string text = pattern(200'000, credit);
            std::string all;
            int most_held = 0;
            co_await with_scope([&](scope& s) -> task<> {
                std::optional<result<void>> sent;
                spawn(s, keep(send_to(pair.near, text), sent));
                while (all.size() < text.size()) {
                    std::vector<lease> held;
                    while (held.size() < credit && all.size() < text.size()) {
                        held.push_back(must(co_await pair.far.receive()));
                        all += held.back().text();
                        most_held = std::max<int>(most_held, pair.far.record()->input.credit.held);
                    }
                    co_await turns(3);
                }
                co_await s.join();
            });
            EXPECT_TRUE(same_bytes(all, text));
            EXPECT_LE(most_held, credit + late);
        }
    });
}

TEST_P(buffers, a_fast_peer_does_not_starve_the_others) {
    loop_options small = options();
    small.buffers = {.buffer_size = 512, .count = 16};
    run(small, []() -> task<> {
        auto greedy = co_await connected();
        auto modest = co_await connected();
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<void>> sent;
            spawn(s, keep(send_to(greedy.near, pattern(200'000)), sent));
            std::vector<lease> held;
            for (int i = 0; i < 4; ++i) held.push_back(must(co_await greedy.far.receive()));
            // From here on nobody reads from the greedy one.
            for (int i = 0; i < 100; ++i) {
                must(co_await modest.near.send("ping"));
                const lease got = must(co_await with_timeout(5s, modest.far.receive()));
                EXPECT_EQ(got.text(), "ping");
            }
            held.clear();
            s.cancel();
            co_await s.join();
        });
    });
}

TEST_P(buffers, a_reader_without_credit_waits_until_a_lease_ends) {
    loop_options small = options();
    small.buffers = {.buffer_size = 512, .count = 64};
    run(small, []() -> task<> {
        auto pair = co_await connected();
        pair.far.set_credit(2);
        const std::string text = pattern(5000);
        must(co_await pair.near.send(text));
        std::vector<lease> held;
        std::string all;
        for (;;) {
            auto r = co_await with_timeout(30ms, pair.far.receive());
            if (!r) {
                EXPECT_TRUE(is_error(r, std::errc::timed_out));
                break;
            }
            all += r->text();
            held.push_back(std::move(*r));
        }
        EXPECT_GE(held.size(), 2U);
        EXPECT_LT(all.size(), text.size());
        EXPECT_GE(current_loop->statistics().credit_waits, 1U);
        std::optional<result<lease>> next;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pair.far), next));
            co_await turns(10);
            EXPECT_FALSE(next.has_value());
            held.clear();
            co_await s.join();
        });
        all += must(std::move(*next)).text();
        next.reset();
        EXPECT_TRUE(same_bytes(all + co_await receive_exactly(pair.far, text.size() - all.size()), text));
    });
}

// A stream whose reader waits for credit is cancelled and closed like any other.
TEST_P(buffers, waiting_for_credit_ends_by_cancellation_and_by_close) {
    run([]() -> task<> {
        auto pair = co_await connected();
        pair.far.set_credit(1);
        must(co_await pair.near.send("one"));
        lease held = must(co_await pair.far.receive());
        must(co_await pair.near.send("two"));
        const auto stopped = co_await cancelled_after(3, receive_from(pair.far));
        EXPECT_TRUE(stopped.has_value() || is_cancelled(stopped));
        std::optional<result<lease>> waiting;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pair.far), waiting));
            co_await turns(3);
            must(co_await pair.far.close());
            co_await s.join();
        });
        EXPECT_TRUE(waiting->has_value() || is_cancelled(*waiting));
    });
}

task<> hold_each_lease_a_while(net::stream& from, std::string& all, std::size_t size) {
    while (all.size() < size) {
        auto r = co_await from.receive();
        EXPECT_FALSE(is_error(r, std::errc::no_buffer_space));
        const lease piece = must(std::move(r));
        if (piece.empty()) co_return;
        all += piece.text();
        co_await turns(2);
    }
}

TEST_P(buffers, an_exhausted_pool_parks_its_readers_and_loses_nothing) {
    loop_options small = options();
    small.buffers = {.buffer_size = 1024, .count = 4};
    const auto l = make_loop(small);
    ASSERT_NE(l, nullptr);
    const auto body = []() -> task<> {
        constexpr std::size_t readers = 64;
        constexpr std::size_t size = 20'000;
        std::vector<stream_pair> pairs;
        std::vector<std::string> got(readers);
        for (std::size_t i = 0; i < readers; ++i) pairs.push_back(co_await connected());
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < readers; ++i) spawn(s, hold_each_lease_a_while(pairs[i].far, got[i], size));
            co_await turns(3);
            for (std::size_t i = 0; i < readers; ++i) {
                must(co_await pairs[i].near.send(pattern(size, static_cast<unsigned>(i))));
            }
            co_await s.join();
        });
        for (std::size_t i = 0; i < readers; ++i) {
            EXPECT_TRUE(same_bytes(got[i], pattern(size, static_cast<unsigned>(i)))) << "reader " << i;
        }
    };
    run_on(*l, body);
    EXPECT_GT(l->statistics().parked, 0U);
    EXPECT_LE(l->statistics().buffers.most_in_use, 4);
}

TEST_P(buffers, a_parked_reader_ends_by_cancellation_close_and_reset) {
    loop_options small = options();
    small.buffers = {.buffer_size = 1024, .count = 1};
    run(small, []() -> task<> {
        auto hoarder = co_await connected();
        must(co_await hoarder.near.send("x"));
        lease held = must(co_await hoarder.far.receive());
        std::vector<stream_pair> pairs;
        for (int i = 0; i < 3; ++i) {
            pairs.push_back(co_await connected());
            must(co_await pairs.back().near.send("unread"));
        }
        std::vector<std::optional<result<lease>>> received(3);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pairs[0].far), received[0]));
            spawn(s, keep(receive_from(pairs[1].far), received[1]));
            co_await turns(5);
            must(co_await pairs[1].far.close());
            s.cancel();
            co_await s.join();
        });
        EXPECT_TRUE(is_cancelled(*received[0]));
        EXPECT_TRUE(is_cancelled(*received[1]));
        must(co_await pairs[2].near.set_option(net::socket_option::linger, 0));
        must(co_await pairs[2].near.close());
        held.reset();
        // What was cancelled while parked is not lost.
        EXPECT_EQ(co_await receive_exactly(pairs[0].far, 6), "unread");
    });
}

TEST_P(buffers, idle_connections_own_none) {
    const std::size_t count = scaled(300, 1);
    loop_options wanted = options();
    wanted.buffers = {.buffer_size = 1024, .count = 64};
    run(wanted, [&]() -> task<> {
        std::vector<stream_pair> pairs;
        co_await turns(3);
        for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected());
        co_await with_scope([&](scope& s) -> task<> {
            std::vector<std::optional<result<lease>>> received(count);
            for (std::size_t i = 0; i < count; ++i) spawn(s, keep(receive_from(pairs[i].far), received[i]));
            co_await turns(10);
            // More wait than there are buffers, and each has had the chance to take one. Now all of the pool can be
            // filled by one of them: its credit is the whole pool.
            EXPECT_EQ(current_loop->statistics().parked, 0U);
            pairs[0].far.set_credit(64);
            must(co_await pairs[0].near.send(pattern(48 * 1024)));
            std::vector<lease> held;
            co_await until([&] { return received[0].has_value(); });
            held.push_back(must(std::move(*received[0])));
            std::size_t size = held[0].size();
            while (size < 48 * 1024) {
                held.push_back(must(co_await pairs[0].far.receive()));
                size += held.back().size();
            }
            EXPECT_GE(held.size(), 48U);
            s.cancel();
            co_await s.join();
        });
    });
}

TEST_P(buffers, all_come_back) {
    loop_options wanted = options();
    wanted.buffers = {.buffer_size = 256, .count = 32};
    const auto l = make_loop(wanted);
    ASSERT_NE(l, nullptr);
    const auto body = []() -> task<> {
        for (int round = 0; round < 20; ++round) {
            auto pair = co_await connected();
            must(co_await pair.near.send(pattern(8000)));
            const lease first = must(co_await pair.far.receive());  // the rest is dropped with the stream
        }
    };
    run_on(*l, body);
    // Nobody holds a lease any more, so the loop's end finds the pool whole, or aborts with a message.
    EXPECT_GT(l->statistics().buffers.most_in_use, 0);
}

}  // namespace
}  // namespace penstock::testing
