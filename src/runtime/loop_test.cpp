#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>

namespace penstock {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<loop> make_loop() {
    auto made = loop::create({.backend = "epoll"});
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

task<result<void>> wait_for_stop() { co_return co_await sleep_for(1h); }

task<result<void>> spin_until_stopped() {
    for (;;) {
        if (const auto r = co_await sleep_until(time_point{}); !r) co_return r;
    }
}

// A caller from another thread wakes the loop after it has told it to end; the loop's end waits until it has left.
TEST(loop, may_end_while_the_call_that_ended_it_is_still_under_way) {
    for (int i = 0; i < 300; ++i) {
        auto l = make_loop();
        std::thread stopper([&l = *l] { l.request_stop(); });
        // Awake, so that it hears of the stop before it is woken for it.
        EXPECT_EQ(l->run(spin_until_stopped()).error(), std::errc::operation_canceled);
        l.reset();
        stopper.join();
    }
}

TEST(loop, a_stop_that_comes_before_run_is_not_lost) {
    auto l = make_loop();
    l->request_stop();
    EXPECT_EQ(l->run(wait_for_stop()).error(), std::errc::operation_canceled);
    EXPECT_TRUE(l->run([]() -> task<result<void>> { co_return co_await sleep_for(1ms); }()));
}

TEST(loop, runs_what_other_threads_post_and_drops_what_comes_too_late) {
    auto shared = std::make_shared<int>(0);
    std::atomic<bool> posted{false};
    {
        auto l = make_loop();
        std::thread poster([&] {
            for (int i = 0; i < 100; ++i) EXPECT_TRUE(l->post([shared] { ++*shared; }));
            posted = true;
        });
        l->run([](int& ran) -> task<> {
            while (ran != 100) co_await yield();
        }(*shared));
        poster.join();
        EXPECT_TRUE(l->post([shared] { ADD_FAILURE() << "run() has ended"; }));
        EXPECT_EQ(shared.use_count(), 2);
    }
    EXPECT_EQ(shared.use_count(), 1) << "a function was neither run nor dropped";
}

TEST(loop, refuses_posts_beyond_its_bound) {
    auto made = loop::create({.backend = "epoll", .post_capacity = 2});
    ASSERT_TRUE(made);
    EXPECT_TRUE((*made)->post([] {}));
    EXPECT_TRUE((*made)->post([] {}));
    EXPECT_FALSE((*made)->post([] {}));
    EXPECT_EQ((*made)->statistics().post_refused, 1U);
}

std::size_t descriptors() {
    std::size_t n = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++n;
    return n;
}

// A loop's end, whatever its streams are doing: waiting to receive, full of what nobody asked for, or being closed.
TEST(loop, ends_what_streams_listeners_and_files_were_doing) {
    for (const char* const backend : {"io_uring", "epoll", "linux_aio", "threads", "sigio"}) {
        const std::size_t before = descriptors();
        auto l = loop::create({.backend = backend});
        if (!l) continue;
        std::optional<testing::stream_pair> waiting;
        std::optional<testing::stream_pair> full;
        std::optional<net::listener> door;
        (*l)->run([](auto& in_receive, auto& unread, auto& listening) -> task<> {
            in_receive.emplace(co_await testing::connected());
            EXPECT_FALSE(co_await with_timeout(1ms, in_receive->near.receive()));
            unread.emplace(co_await testing::connected());
            EXPECT_FALSE(co_await with_timeout(1ms, unread->near.receive()));
            testing::must(co_await unread->far.send("unread"));
            listening.emplace(testing::must(co_await net::listen(endpoint::loopback(0))));
            EXPECT_FALSE(co_await with_timeout(1ms, listening->accept()));
            auto untaken = testing::must(co_await net::connect(testing::must(co_await listening->local_endpoint())));
            co_await sleep_for(1ms);
            const auto f = testing::must(co_await fs::open("/etc/passwd"));  // dropped with the task
            const auto dropped = co_await testing::connected();
        }(waiting, full, door));
        waiting.reset();
        full.reset();
        door.reset();
        l->reset();
        EXPECT_EQ(descriptors(), before) << backend;
    }
}

task<> read_until(const fs::file& f, const bool& stop, int& times) {
    std::byte memory[64];
    while (!stop) {
        testing::must(co_await const_cast<fs::file&>(f).read_at(std::span(memory), 0));
        ++times;
    }
}

// Operations that wait for queue space go before those that come later. Who is passed over gets next to nothing.
TEST(loop, shares_a_full_queue_fairly) {
    auto l = loop::create({.backend = "epoll", .bounds = {.queue_entries = 1}});
    ASSERT_TRUE(l);
    int times[3] = {};
    (*l)->run([](int(&n)[3]) -> task<> {
        const auto f = testing::must(co_await fs::open("/etc/passwd"));
        bool stop = false;
        co_await with_scope([&](scope& s) -> task<> {
            for (int& each : n) testing::spawn(s, read_until(f, stop, each));
            co_await sleep_for(50ms);
            stop = true;
            co_await s.join();
        });
    }(times));
    for (const int n : times)
        EXPECT_GT(n * 8, times[0] + times[1] + times[2]) << times[0] << ' ' << times[1] << ' ' << times[2];
}

TEST(loop, bounds_of_nothing_still_let_something_through) {
    auto l = loop::create({.backend = "epoll",
                           .bounds = {.queue_entries = 0},
                           .turn_budget = 0,
                           .immediate_budget = 0,
                           .worker_threads = 0,
                           .worker_queue = 0,
                           .post_capacity = 0});
    ASSERT_TRUE(l);
    (*l)->run([]() -> task<> {
        auto f = testing::must(co_await fs::open("/etc/passwd"));
        std::byte memory[16];
        EXPECT_GT(testing::must(co_await f.read_at(std::span(memory), 0)), 0U);
        testing::stream_pair pair = co_await testing::connected();
        testing::must(co_await pair.near.send("through"));
        EXPECT_EQ(testing::must(co_await pair.far.receive()).text(), "through");
    }());
}

}  // namespace
}  // namespace penstock
