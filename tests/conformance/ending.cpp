// Ending: closing with operations under way, dropping, the end of the loop.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <vector>

namespace penstock::testing {
namespace {

using ending = on_backend;
PENSTOCK_ON_EVERY_BACKEND(ending);

task<> drop(net::stream s) {
    co_await yield();
    static_cast<void>(s);
}

TEST_P(ending, closing_a_stream_ends_its_receive) {
    run([]() -> task<> {
        for (const bool waits_for_it : {true, false}) {
            auto pair = co_await connected();
            std::optional<result<lease>> received;
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, keep(receive_from(pair.far), received));
                co_await turns(3);
                if (waits_for_it) {
                    must(co_await pair.far.close());
                } else {
                    co_await drop(std::move(pair.far));
                }
                co_await s.join();
            });
            EXPECT_TRUE(is_cancelled(*received));
            EXPECT_EQ(co_await receive_to_end(pair.near), "");
        }
    });
}

TEST_P(ending, closing_a_stream_ends_its_send) {
    run([]() -> task<> {
        for (const bool waits_for_it : {true, false}) {
            auto pair = co_await connected();
            std::optional<result<void>> sent;
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, keep(send_to(pair.near, pattern(16 << 20)), sent));
                co_await turns(3);
                EXPECT_FALSE(sent.has_value());
                if (waits_for_it) {
                    must(co_await pair.near.close());
                } else {
                    co_await drop(std::move(pair.near));
                }
                co_await s.join();
            });
            EXPECT_TRUE(is_cancelled(*sent));
            const std::string got = co_await receive_to_end(pair.far);
            EXPECT_LT(got.size(), std::size_t{16} << 20);
        }
    });
}

TEST_P(ending, closing_ends_both_directions_at_once) {
    run([]() -> task<> {
        auto pair = co_await connected();
        std::optional<result<void>> sent;
        std::optional<result<lease>> received;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(send_to(pair.near, pattern(16 << 20)), sent));
            spawn(s, keep(receive_from(pair.near), received));
            co_await turns(3);
            must(co_await pair.near.close());
            co_await s.join();
        });
        EXPECT_TRUE(is_cancelled(*sent));
        EXPECT_TRUE(is_cancelled(*received));
    });
}

// Closed in the very turn in which the data arrive, a little earlier or later.
TEST_P(ending, closing_races_with_what_arrives) {
    run([]() -> task<> {
        for (int delay = 0; delay < 12; ++delay) {
            auto pair = co_await connected();
            std::optional<result<lease>> received;
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, keep(receive_from(pair.far), received));
                co_await turns(2);
                must(co_await pair.near.send("x"));
                co_await turns(delay / 3);
                if (delay % 3 == 1) pair.near = net::stream();
                if (delay % 3 == 2) s.cancel();
                must(co_await pair.far.close());
                co_await s.join();
            });
            EXPECT_TRUE(received->has_value() || is_cancelled(*received));
        }
    });
}

TEST_P(ending, closing_an_adopted_descriptor_ends_its_read) {
    run([]() -> task<> {
        auto [output, input] = must(co_await make_pipe());
        std::optional<result<lease>> received;
        std::optional<result<void>> sent;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(output), received));
            co_await turns(3);
            must(co_await output.close());
            co_await s.join();
        });
        EXPECT_TRUE(is_cancelled(*received));
        auto [output2, input2] = must(co_await make_pipe());
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(send_to(input2, pattern(1 << 20)), sent));
            co_await turns(3);
            must(co_await input2.close());
            co_await s.join();
        });
        EXPECT_TRUE(is_cancelled(*sent));
    });
}

TEST_P(ending, closing_a_listener_ends_its_accept) {
    run([]() -> task<> {
        for (const bool waits_for_it : {true, false}) {
            auto door = must(co_await net::listen(endpoint::loopback(0)));
            std::optional<result<net::stream>> accepted;
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, keep(accept_from(door), accepted));
                co_await turns(3);
                if (waits_for_it) {
                    must(co_await door.close());
                } else {
                    const net::listener gone = std::move(door);
                    co_await turns(1);
                }
                co_await s.join();
            });
            EXPECT_TRUE(is_cancelled(*accepted));
        }
    });
}

TEST_P(ending, a_descriptor_number_is_not_mistaken_for_its_next_owner) {
    run([]() -> task<> {
        // What is closed with a receive armed frees its number at once for the next; events for the old one may
        // still come.
        for (int i = 0; i < 50; ++i) {
            auto pair = co_await connected();
            const auto waited = co_await cancelled_after(2, receive_from(pair.far));
            EXPECT_TRUE(is_cancelled(waited));
            must(co_await pair.near.send("for the old one"));
            pair.far = net::stream();
            must(co_await pair.near.close());
            auto next = co_await connected();
            must(co_await next.near.send("for the new one"));
            EXPECT_EQ(co_await receive_exactly(next.far, 15), "for the new one");
        }
    });
}

TEST_P(ending, a_lease_outlives_its_stream) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.send("still here"));
        lease kept = must(co_await pair.far.receive());
        must(co_await pair.far.close());
        auto other = co_await connected();
        must(co_await other.near.send("something else"));
        const lease more = must(co_await other.far.receive());
        EXPECT_EQ(kept.text(), "still here");
        EXPECT_EQ(more.text(), "something else");
        kept.reset();
    });
}

// --- The end of the loop ----------------------------------------------------------------------------------------

// What a case leaves behind, when the loop ends as the last act of a program.
struct belongings {
    std::vector<net::stream> streams;
    std::vector<net::listener> listeners;
    std::vector<adopted> pipes;
    std::vector<fs::file> files;
};

task<> leave_everything_armed(belongings& here) {
    for (int i = 0; i < 5; ++i) {
        auto pair = co_await connected();
        const auto waited = co_await cancelled_after(2, receive_from(pair.far));  // a receive goes on
        EXPECT_TRUE(is_cancelled(waited));
        if (i % 2 == 0) must(co_await pair.near.send("unread"));
        here.streams.push_back(std::move(pair.near));
        here.streams.push_back(std::move(pair.far));
        auto [output, input] = must(co_await make_pipe());
        here.pipes.push_back(std::move(output));
        here.pipes.push_back(std::move(input));
    }
    auto door = must(co_await net::listen(endpoint::loopback(0)));
    const endpoint at = must(co_await door.local_endpoint());
    const auto accepted = co_await cancelled_after(2, accept_from(door));
    EXPECT_TRUE(is_cancelled(accepted));
    for (int i = 0; i < 3; ++i) here.streams.push_back(must(co_await net::connect(at)));
    here.listeners.push_back(std::move(door));
}

TEST_P(ending, the_loop_ends_what_was_dropped_just_before) {
    const temporary_directory directory;
    for (int extra_turns = 0; extra_turns < 3; ++extra_turns) {
        const auto l = make_loop();
        ASSERT_NE(l, nullptr);
        const watched watching(*l);
        belongings here;
        l->run(leave_everything_armed(here));
        l->run([](belongings& of, std::string path) -> task<> {
            of.files.push_back(must(co_await fs::open(path, {.write = true, .create = true})));
        }(here, directory / "file"));
        // Dropped inside of a run that ends at once, or after it has.
        l->run([](belongings& of, int more) -> task<> {
            if (more != 0) of = {};
            co_await turns(more - 1);
        }(here, extra_turns));
        here = {};
    }
}

TEST_P(ending, the_loop_ends_with_timers_posts_and_cancelled_work_behind_it) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    l->run([]() -> task<> {
        const auto late = co_await with_timeout(1ms, sleep_for(long_time));
        EXPECT_TRUE(is_error(late, std::errc::timed_out));
    }());
    EXPECT_TRUE(l->post([] {}));
    l->request_stop();
}

TEST_P(ending, a_loop_that_never_ran_ends) {
    for (int i = 0; i < 3; ++i) EXPECT_NE(make_loop(), nullptr);
}

TEST_P(ending, many_loops_on_one_thread_live_beside_each_other) {
    std::vector<std::unique_ptr<loop>> loops;
    for (int i = 0; i < 8; ++i) loops.push_back(make_loop());
    for (int round = 0; round < 3; ++round) {
        for (const auto& l : loops) {
            ASSERT_NE(l, nullptr);
            const watched watching(*l);
            l->run([]() -> task<> {
                auto pair = co_await connected();
                must(co_await pair.near.send("x"));
                EXPECT_EQ(co_await receive_exactly(pair.far, 1), "x");
            }());
        }
    }
    for (const auto& l : loops) expect_idle(*l);
}

TEST_P(ending, a_closed_stream_tells_the_peer_without_delay) {
    run([]() -> task<> {
        for (int i = 0; i < 20; ++i) {
            auto pair = co_await connected();
            const auto waited = co_await cancelled_after(2, receive_from(pair.far));
            EXPECT_TRUE(is_cancelled(waited));
            must(co_await pair.far.close());
            const lease end = must(co_await with_timeout(2s, pair.near.receive()));
            EXPECT_TRUE(end.empty());
        }
    });
}

}  // namespace
}  // namespace penstock::testing
