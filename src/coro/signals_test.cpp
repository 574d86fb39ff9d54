#include <penstock/signals.hpp>

#include "support/signal_mask.hpp"
#include <penstock/loop.hpp>
#include <penstock/runtime.hpp>
#include <penstock/scope.hpp>
#include <penstock/sleep.hpp>
#include <penstock/timeout.hpp>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <string>

namespace penstock {
namespace {

using namespace std::chrono_literals;

// Each backend of these tests sees the signals of the whole process, so they are blocked before main() starts any
// thread.
[[maybe_unused]] const bool are_blocked = block_signals({SIGUSR1, SIGUSR2, SIGCHLD, SIGHUP}).has_value();

class signals_test : public ::testing::TestWithParam<const char*> {
  protected:
    std::unique_ptr<loop> make_loop(buffer_pool_options buffers = {}) {
        auto made = loop::create({.backend = GetParam(), .buffers = buffers});
        if (!made) throw std::runtime_error(made.error().message);
        return std::move(*made);
    }
};

INSTANTIATE_TEST_SUITE_P(on, signals_test, ::testing::Values("epoll", "threads"),
                         [](const auto& of) { return std::string(of.param); });

void queue_signal(int number, int value) {
    ::sigval with{};
    with.sival_int = value;
    ASSERT_EQ(::sigqueue(::getpid(), number, with), 0);
}

TEST(signal_set, holds_numbers_and_knows_what_is_none) {
    constexpr signal_set set{SIGTERM, SIGINT, 64};
    static_assert(set.contains(SIGTERM) && set.contains(64) && !set.contains(SIGHUP) && set.valid());
    static_assert(signal_set().empty() && !signal_set(SIGTERM).empty());
    static_assert(!signal_set(0).valid() && !signal_set(65).valid() && !signal_set(-1).valid());
    EXPECT_EQ(set.mask(),
              std::uint64_t{1} << (SIGTERM - 1) | std::uint64_t{1} << (SIGINT - 1) | std::uint64_t{1} << 63);
}

TEST(block_signals, refuses_what_is_no_signal_or_cannot_be_blocked) {
    EXPECT_EQ(block_signals({SIGUSR1, 0}).error(), std::errc::invalid_argument);
    EXPECT_EQ(block_signals(SIGKILL).error(), std::errc::invalid_argument);
    EXPECT_TRUE(block_signals(SIGUSR1));
}

TEST_P(signals_test, brings_what_was_sent_and_by_whom) {
    make_loop()->run([]() -> task<> {
        auto watched = co_await watch_signals({SIGUSR1, SIGUSR2});
        if (!watched) throw std::runtime_error(watched.error().message());
        queue_signal(SIGUSR1, 42);
        const auto info = co_await watched->next();
        EXPECT_TRUE(info.has_value());
        EXPECT_EQ(info->number, SIGUSR1);
        EXPECT_EQ(info->code, SI_QUEUE);
        EXPECT_EQ(info->sender, ::getpid());
        EXPECT_EQ(info->sender_user, ::getuid());
        EXPECT_EQ(info->value, 42);
    }());
}

TEST_P(signals_test, brings_signals_that_came_together_one_by_one) {
    make_loop()->run([]() -> task<> {
        auto watched = co_await watch_signals({SIGUSR1, SIGUSR2, SIGHUP});
        queue_signal(SIGUSR2, 2);
        queue_signal(SIGUSR1, 1);
        ::kill(::getpid(), SIGHUP);
        int seen = 0;
        for (int i = 0; i < 3; ++i) {
            const auto info = co_await watched->next();
            seen += info ? info->number : 0;
        }
        EXPECT_EQ(seen, SIGUSR1 + SIGUSR2 + SIGHUP);
    }());
}

TEST_P(signals_test, waits_until_one_comes) {
    make_loop()->run([]() -> task<> {
        auto watched = co_await watch_signals(SIGUSR1);
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([]() -> task<> {
                static_cast<void>(co_await sleep_for(10ms));
                ::kill(::getpid(), SIGUSR1);
            }());
            const auto info = co_await watched->next();
            EXPECT_TRUE(info && info->number == SIGUSR1);
        });
    }());
}

TEST_P(signals_test, a_cancelled_wait_loses_no_signal) {
    make_loop()->run([]() -> task<> {
        auto watched = co_await watch_signals(SIGUSR1);
        const auto none = co_await with_timeout(10ms, watched->next());
        EXPECT_EQ(none.error(), std::errc::timed_out);
        ::kill(::getpid(), SIGUSR1);
        static_cast<void>(co_await sleep_for(5ms));
        co_await watched->close();

        auto again = co_await watch_signals(SIGUSR1);
        const auto info = co_await again->next();
        EXPECT_TRUE(info && info->number == SIGUSR1);
    }());
}

TEST_P(signals_test, tells_of_a_child) {
    make_loop()->run([]() -> task<> {
        // One may be pending from another test's child, and signals of one number are not counted.
        ::sigset_t child_ended;
        ::sigemptyset(&child_ended);
        ::sigaddset(&child_ended, SIGCHLD);
        const ::timespec at_once{};
        ::sigtimedwait(&child_ended, nullptr, &at_once);

        auto watched = co_await watch_signals(SIGCHLD);
        const ::pid_t child = ::fork();
        if (child == 0) ::_exit(3);
        const auto info = co_await watched->next();
        EXPECT_TRUE(info.has_value());
        EXPECT_EQ(info->sender, child);
        EXPECT_EQ(info->code, CLD_EXITED);
        EXPECT_EQ(info->status, 3);
        ::waitpid(child, nullptr, 0);
    }());
}

TEST_P(signals_test, names_what_is_wrong) {
    make_loop()->run([]() -> task<> {
        EXPECT_EQ((co_await watch_signals(SIGALRM)).error(), errc::signals_not_blocked);
        EXPECT_EQ((co_await watch_signals(signal_set())).error(), std::errc::invalid_argument);
        EXPECT_EQ((co_await watch_signals({SIGUSR1, 99})).error(), std::errc::invalid_argument);
        signals closed;
        EXPECT_EQ((co_await closed.next()).error(), std::errc::bad_file_descriptor);
    }());
    make_loop({.buffer_size = 64, .count = 4})->run([]() -> task<> {
        EXPECT_EQ((co_await watch_signals(SIGUSR1)).error(), std::errc::invalid_argument);
    }());
}

TEST(runtime, blocks_its_signals_on_every_thread_and_loop_0_awaits_them) {
    auto made = runtime::create({.loops = 3, .loop = {.backend = "epoll"}, .signals = {SIGHUP, SIGUSR2}});
    ASSERT_TRUE(made) << made.error().message;
    const std::unique_ptr<runtime> rt = std::move(*made);
    std::atomic<int> ready{0};
    EXPECT_TRUE(rt->run([&](loop& on) -> task<result<void>> {
        EXPECT_TRUE(testing::blocks(SIGUSR2));
        if (&on != &rt->loop(0)) {
            ++ready;
            co_return result<void>{};
        }
        auto watched = co_await watch_signals({SIGHUP, SIGUSR2});
        if (!watched) co_return fail(watched.error());
        while (ready != 2) co_await yield();
        ::kill(::getpid(), SIGUSR2);
        const auto info = co_await watched->next();
        EXPECT_TRUE(info && info->number == SIGUSR2);
        co_return result<void>{};
    }));
}

}  // namespace
}  // namespace penstock
