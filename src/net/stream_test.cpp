#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <string>

namespace penstock {
namespace {

using namespace testing;

// What happens to one task's stream or listener when another task closes it.
class closing : public ::testing::TestWithParam<const char*> {
  protected:
    template <class Body>
    void run(Body body) {
        auto made = loop::create({.backend = GetParam()});
        ASSERT_TRUE(made) << made.error().message;
        try {
            (*made)->run(body());
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
};

INSTANTIATE_TEST_SUITE_P(on, closing, ::testing::Values("epoll", "threads"),
                         [](const auto& of) { return std::string(of.param); });

template <class Closable>
task<> close_soon(Closable& s, int after) {
    co_await turns(after);
    must(co_await s.close());
}

TEST_P(closing, ends_a_receive_that_waits) {
    run([]() -> task<> {
        for (const int after : {1, 2, 5}) {
            stream_pair pair = co_await connected();
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, close_soon(pair.near, after));
                EXPECT_TRUE(is_cancelled(co_await pair.near.receive()));
                co_await s.join();
            });
            EXPECT_TRUE(must(co_await pair.far.receive()).empty());
        }
    });
}

TEST_P(closing, ends_a_receive_that_waits_for_credit) {
    run([]() -> task<> {
        stream_pair pair = co_await connected();
        pair.near.set_credit(1);
        must(co_await pair.far.send("one"));
        const lease held = must(co_await pair.near.receive());
        must(co_await pair.far.send("two"));
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, close_soon(pair.near, 3));
            EXPECT_TRUE(is_cancelled(co_await pair.near.receive()));
            co_await s.join();
        });
        EXPECT_EQ(held.text(), "one");
    });
}

TEST_P(closing, ends_a_receive_that_was_cancelled_in_the_same_turn) {
    run([]() -> task<> {
        stream_pair pair = co_await connected();
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](net::stream& from) -> task<> { EXPECT_TRUE(is_cancelled(co_await from.receive())); }(pair.near));
            co_await turns(2);
            s.cancel();
            must(co_await pair.near.close());
            co_await s.join();
        });
    });
}

TEST_P(closing, ends_a_send_that_waits) {
    run([]() -> task<> {
        stream_pair pair = co_await connected();
        const std::string text = pattern(16 << 20);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, close_soon(pair.near, 5));
            EXPECT_TRUE(is_cancelled(co_await pair.near.send(std::string_view(text))));
            co_await s.join();
        });
    });
}

TEST_P(closing, ends_a_write_to_a_full_pipe) {
    run([]() -> task<> {
        auto [read_end, write_end] = must(co_await make_pipe());
        const std::string text = pattern(1 << 20);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, close_soon(write_end, 5));
            EXPECT_TRUE(is_cancelled(co_await write_end.send(std::string_view(text))));
            co_await s.join();
        });
    });
}

TEST_P(closing, ends_an_accept_that_waits) {
    run([]() -> task<> {
        for (const int after : {1, 2, 5}) {
            auto door = must(co_await net::listen(endpoint::loopback(0)));
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, close_soon(door, after));
                EXPECT_TRUE(is_cancelled(co_await door.accept()));
                co_await s.join();
            });
        }
    });
}

TEST_P(closing, ends_an_accept_that_was_cancelled_in_the_same_turn) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](net::listener& at) -> task<> { EXPECT_TRUE(is_cancelled(co_await at.accept())); }(door));
            co_await turns(2);
            s.cancel();
            must(co_await door.close());
            co_await s.join();
        });
    });
}

TEST(unread, gives_bytes_back_in_order) {
    auto made = loop::create({.backend = "epoll"});
    ASSERT_TRUE(made);
    (*made)->run([]() -> task<> {
        stream_pair pair = co_await connected();
        must(co_await pair.far.send("head body"));
        lease first = must(co_await pair.near.receive());
        first.consume(5);
        pair.near.unread(std::move(first));
        EXPECT_TRUE(pair.near.has_input());
        lease again = must(co_await pair.near.receive());
        EXPECT_EQ(again.text(), "body");
        must(co_await pair.far.send(" and more"));
        lease next = must(co_await pair.near.receive());
        EXPECT_EQ(next.text(), " and more");
        pair.near.unread(std::move(next));
        pair.near.unread(std::move(again));
        EXPECT_EQ(must(co_await pair.near.receive()).text(), "body");
        EXPECT_EQ(must(co_await pair.near.receive()).text(), " and more");
    }());
}

// An awaitable is handed to with_timeout() as it is.
TEST(timeout, takes_any_awaitable) {
    auto made = loop::create({.backend = "epoll"});
    ASSERT_TRUE(made);
    (*made)->run([]() -> task<> {
        stream_pair pair = co_await connected();
        EXPECT_TRUE(is_error(co_await with_timeout(1ms, pair.near.receive()), std::errc::timed_out));
        EXPECT_TRUE(succeeds(co_await with_timeout(1h, pair.near.send("text"))));
        EXPECT_TRUE(is_error(co_await with_timeout(1ms, sleep_for(1h)), std::errc::timed_out));
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        EXPECT_TRUE(is_error(co_await with_timeout(1ms, door.accept()), std::errc::timed_out));
    }());
}

}  // namespace
}  // namespace penstock
