// Scopes, when_all and when_any around real I/O.
#include "support/on_backend.hpp"
#include "support/silent_port.hpp"

#include <stdexcept>
#include <vector>

namespace penstock::testing {
namespace {

using scopes = on_backend;
PENSTOCK_ON_EVERY_BACKEND(scopes);

struct counts {
    int begun = 0;
    int ended = 0;
    int cancelled = 0;
};

// Talks to itself until it is cancelled.
task<> chatter(counts& seen) {
    ++seen.begun;
    {
        auto made = co_await net::connected_pair();
        std::error_code why = made ? std::error_code() : made.error();
        while (!why) {
            const auto sent = co_await made->first.send("ping");
            if (sent) {
                const auto got = co_await made->second.receive();
                if (!got) why = got.error();
            } else {
                why = sent.error();
            }
        }
        if (why == std::errc::operation_canceled) ++seen.cancelled;
        EXPECT_EQ(why, std::errc::operation_canceled) << why.message();
    }
    ++seen.ended;
}

TEST_P(scopes, leaving_one_under_load_cancels_and_awaits_everything) {
    const std::size_t count = scaled(400, 2, 3);  // each has a listener until it is connected
    run([&]() -> task<> {
        for (const int after : {0, 1, 3, 40}) {
            counts seen;
            co_await with_scope([&](scope& s) -> task<> {
                for (std::size_t i = 0; i < count; ++i) spawn(s, chatter(seen));
                co_await turns(after);
                EXPECT_EQ(s.size(), count);
            });
            EXPECT_EQ(seen.begun, static_cast<int>(count));
            EXPECT_EQ(seen.ended, seen.begun);
            EXPECT_EQ(seen.cancelled, seen.begun);
        }
    });
}

TEST_P(scopes, an_exception_out_of_the_body_ends_the_children_first) {
    run([]() -> task<> {
        counts seen;
        bool caught = false;
        try {
            co_await with_scope([&](scope& s) -> task<> {
                for (int i = 0; i < 10; ++i) spawn(s, chatter(seen));
                co_await turns(5);
                throw std::runtime_error("out of the body");
            });
        } catch (const std::runtime_error& e) {
            caught = std::string_view(e.what()) == "out of the body";
        }
        EXPECT_TRUE(caught);
        EXPECT_EQ(seen.ended, 10);
    });
}

TEST_P(scopes, the_value_of_the_body_is_returned) {
    run([]() -> task<> {
        counts seen;
        const int value = co_await with_scope([&](scope& s) -> task<int> {
            spawn(s, chatter(seen));
            co_await turns(3);
            co_return 42;
        });
        EXPECT_EQ(value, 42);
        EXPECT_EQ(seen.ended, 1);
    });
}

TEST_P(scopes, children_may_spawn_into_their_scope_while_it_ends) {
    run([]() -> task<> {
        counts seen;
        const auto relay = [](scope& s, counts& c, auto again, int left) -> task<> {
            const auto r = co_await sleep_for(long_time);
            EXPECT_TRUE(is_cancelled(r));
            if (left != 0) spawn(s, again(s, c, again, left - 1));
            ++c.ended;
        };
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, relay(s, seen, relay, 20));
            co_await turns(2);
        });
        EXPECT_EQ(seen.ended, 21);
    });
}

TEST_P(scopes, one_inside_another_ends_with_it) {
    run([]() -> task<> {
        counts seen;
        const auto nested = [](counts& c) -> task<> {
            co_await with_scope([&](scope& s) -> task<> {
                for (int i = 0; i < 5; ++i) spawn(s, chatter(c));
                co_await s.join();
            });
        };
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 5; ++i) spawn(s, nested(seen));
            co_await turns(20);
        });
        EXPECT_EQ(seen.begun, 25);
        EXPECT_EQ(seen.cancelled, 25);
    });
}

TEST_P(scopes, an_exception_of_a_task_is_rethrown_where_it_is_awaited) {
    run([]() -> task<> {
        const auto failing = [](int after) -> task<int> {
            co_await turns(after);
            throw std::runtime_error("thrown");
        };
        for (const int after : {0, 1, 5}) {
            bool caught = false;
            try {
                static_cast<void>(co_await failing(after));
            } catch (const std::runtime_error&) {
                caught = true;
            }
            EXPECT_TRUE(caught);
            bool from_all = false;
            auto pair = co_await connected();
            must(co_await pair.near.send("x"));
            try {
                static_cast<void>(co_await when_all(failing(after), receive_from(pair.far)));
            } catch (const std::runtime_error&) {
                from_all = true;
            }
            EXPECT_TRUE(from_all);
        }
    });
}

TEST_P(scopes, when_all_waits_for_all_and_one_failure_stops_no_other) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const silent_port nobody;
        const auto send_later = [](net::stream& to) -> task<> {
            must(co_await sleep_for(2ms));
            must(co_await to.send("late"));
        };
        const auto [refused, got, nothing] =
            co_await when_all(net::connect(nobody.at()), receive_from(pair.far), send_later(pair.near));
        EXPECT_TRUE(is_error(refused, std::errc::connection_refused));
        EXPECT_TRUE(succeeds(got));
        static_cast<void>(nothing);
        std::vector<task<result<void>>> many;
        for (int i = 0; i < 100; ++i) many.push_back(send_to(pair.near, ""));
        const auto all = co_await when_all(std::move(many));
        EXPECT_EQ(all.size(), 100U);
        const auto none = co_await when_all(std::vector<task<int>>());
        EXPECT_TRUE(none.empty());
    });
}

TEST_P(scopes, a_task_that_is_never_awaited_costs_nothing) {
    run([]() -> task<> {
        counts seen;
        for (int i = 0; i < 10; ++i) const auto never_started = chatter(seen);
        EXPECT_EQ(seen.begun, 0);
        co_return;
    });
}

TEST_P(scopes, stopping_the_loop_from_another_thread_under_load) {
    const std::size_t count = scaled(200, 2);
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    {
        const watched watching(*l);
        for (int round = 0; round < 5; ++round) {
            counts seen;
            std::thread other;
            l->run([](counts& c, std::size_t n, std::thread& stopper) -> task<> {
                co_await with_scope([&](scope& s) -> task<> {
                    for (std::size_t i = 0; i < n; ++i) spawn(s, chatter(c));
                    co_await turns(5);
                    stopper = std::thread([l = current_loop] { l->request_stop(); });
                    co_await s.join();
                });
            }(seen, count, other));
            other.join();
            EXPECT_EQ(seen.cancelled, static_cast<int>(count));
        }
    }
    expect_idle(*l);
}

}  // namespace
}  // namespace penstock::testing
