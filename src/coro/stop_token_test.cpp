#include <penstock/stop_token.hpp>

#include <penstock/sleep.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

namespace penstock {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<loop> make_loop() {
    auto made = loop::create({.backend = "epoll"});
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

task<> sleep_until_cancelled(int& ended) {
    const auto r = co_await sleep_for(1h);
    EXPECT_EQ(r.error(), std::errc::operation_canceled);
    ++ended;
}

TEST(stop_token, a_stop_from_another_thread_cancels_the_body_and_what_it_started) {
    std::stop_source source;
    std::thread stopper([&] {
        std::this_thread::sleep_for(5ms);
        source.request_stop();
    });
    int ended = 0;
    const int returned = make_loop()->run(with_stop_token(source.get_token(), [&](scope& s) -> task<int> {
        s.spawn(sleep_until_cancelled(ended));
        s.spawn(sleep_until_cancelled(ended));
        co_await sleep_until_cancelled(ended);
        co_return 7;
    }));
    EXPECT_EQ(returned, 7);
    EXPECT_EQ(ended, 3);
    stopper.join();
}

TEST(stop_token, one_that_was_stopped_before_cancels_at_once) {
    std::stop_source source;
    source.request_stop();
    int ended = 0;
    make_loop()->run(with_stop_token(source.get_token(), [&](scope& s) -> task<> {
        EXPECT_TRUE(s.cancelled());
        co_await sleep_until_cancelled(ended);
    }));
    EXPECT_EQ(ended, 1);
}

TEST(stop_token, one_without_a_source_never_stops) {
    make_loop()->run(with_stop_token(std::stop_token(), [](scope& s) -> task<> {
        s.spawn([]() -> task<> { EXPECT_TRUE(co_await sleep_for(1ms)); }());
        co_await s.join();
    }));
}

TEST(stop_token, passes_exceptions_on_after_the_scope_has_ended) {
    std::stop_source source;
    int ended = 0;
    std::string caught;
    try {
        make_loop()->run(with_stop_token(source.get_token(), [&](scope& s) -> task<> {
            s.spawn(sleep_until_cancelled(ended));
            co_await yield();
            throw std::runtime_error("no luck");
        }));
    } catch (const std::runtime_error& e) {
        caught = e.what();
    }
    EXPECT_EQ(caught, "no luck");
    EXPECT_EQ(ended, 1);
}

TEST(stop_token, a_stop_from_within_the_loop_works_too) {
    std::stop_source source;
    int ended = 0;
    make_loop()->run(with_stop_token(source.get_token(), [&](scope& s) -> task<> {
        s.spawn(sleep_until_cancelled(ended));
        co_await yield();
        source.request_stop();
        co_await s.join();
    }));
    EXPECT_EQ(ended, 1);
}

TEST(stop_token, surroundings_cancel_it_as_well) {
    std::stop_source source;
    int ended = 0;
    make_loop()->run(with_scope([&](scope& outer) -> task<> {
        outer.spawn(
            with_stop_token(source.get_token(), [&](scope&) -> task<> { co_await sleep_until_cancelled(ended); }));
        co_await yield();
        outer.cancel();
        co_await outer.join();
    }));
    EXPECT_EQ(ended, 1);
}

// The stop races with the end of what it is to stop, of the loop, and with the registration.
TEST(stop_token, a_stop_may_come_at_any_moment) {
    for (int i = 0; i < 400; ++i) {
        std::stop_source source;
        std::thread stopper([source, i]() mutable {
            if (i % 4 != 0) std::this_thread::sleep_for(std::chrono::microseconds(i / 4));
            source.request_stop();
        });
        make_loop()->run(with_stop_token(source.get_token(), [](scope& s) -> task<> {
            s.spawn([]() -> task<> { static_cast<void>(co_await sleep_for(50us)); }());
            co_await s.join();
        }));
        stopper.join();
    }
}

}  // namespace
}  // namespace penstock
