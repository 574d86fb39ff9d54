// Fairness: what completes at once, over and over, neither grows the stack nor starves the rest.
#include "support/build_kind.hpp"
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"

#include <sys/socket.h>

#include <thread>

namespace penstock::testing {
namespace {

using fairness = on_backend;
PENSTOCK_ON_EVERY_BACKEND(fairness);

// Without optimisation each transfer is a call; every 64th goes through the ready queue all the same.
constexpr std::size_t most_stack = is_sanitized ? 4U << 20 : 64U << 10;
constexpr int million = is_sanitized ? 100'000 : 1'000'000;

task<int> immediate(int value) { co_return value; }

task<> count_ticks(int& ticks) {
    for (;;) {
        const auto slept = co_await sleep_for(1ms);
        if (!slept) co_return;
        ++ticks;
    }
}

/// Keeps the stack's depth in sight: how far below the first call a later one is.
class stack_depth {
  public:
    void note() {
        const char here = 0;
        const auto at = reinterpret_cast<std::uintptr_t>(&here);
        if (first_ == 0) first_ = at;
        deepest_ = std::max(deepest_, first_ > at ? first_ - at : at - first_);
    }
    std::size_t deepest() const { return deepest_; }

  private:
    std::uintptr_t first_ = 0;
    std::size_t deepest_ = 0;
};

TEST_P(fairness, a_million_tasks_that_end_at_once) {
    run([]() -> task<> {
        int ticks = 0;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, count_ticks(ticks));
            stack_depth depth;
            std::int64_t sum = 0;
            // By the clock if need be: the timer must get its turn although this task never waits for anything.
            for (int i = 0; i < million || ticks == 0; ++i) {
                sum += co_await immediate(1);
                depth.note();
            }
            EXPECT_GE(sum, million);
            EXPECT_LT(depth.deepest(), most_stack);
            EXPECT_GT(ticks, 0);
        });
    });
}

TEST_P(fairness, a_million_operations_that_end_at_once) {
    run([]() -> task<> {
        auto pair = co_await connected();
        int ticks = 0;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, count_ticks(ticks));
            stack_depth depth;
            for (int i = 0; i < million || ticks == 0; ++i) {
                must(co_await pair.near.get_option(net::socket_option::no_delay));
                depth.note();
            }
            EXPECT_LT(depth.deepest(), most_stack);
            EXPECT_GT(ticks, 0);
        });
    });
}

task<> talk_for_ever(net::stream& near, net::stream& far, std::uint64_t& rounds) {
    for (;; ++rounds) {
        if (const auto sent = co_await near.send("ping"); !sent) co_return;
        if (const auto got = co_await far.receive(); !got) co_return;
    }
}

// A peer on another thread never stops sending; the reader always finds something. Timers and others go on.
TEST_P(fairness, a_flood_starves_nobody) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        const descriptor reading(ends[0]);
        descriptor writing(ends[1]);
        std::thread flood([fd = writing.get()] {
            const std::string much(64 * 1024, 'x');
            for (;;) {
                if (::send(fd, much.data(), much.size(), MSG_NOSIGNAL) >= 0) continue;
                if (errno != EAGAIN) return;
                await({fd}, POLLOUT);
            }
        });
        auto flooded = must(co_await adopt(reading.get(), ownership::borrow));
        auto pair = co_await connected();
        int ticks = 0;
        std::uint64_t rounds = 0;
        std::uint64_t flooded_by = 0;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, count_ticks(ticks));
            spawn(s, talk_for_ever(pair.near, pair.far, rounds));
            while (ticks < 20 || rounds < 100 || flooded_by < 10'000'000) {
                const lease piece = must(co_await flooded.receive());
                flooded_by += piece.size();
            }
        });
        ::shutdown(reading.get(), SHUT_RDWR);
        flood.join();
        must(co_await flooded.close());
    });
}

TEST_P(fairness, a_flooded_stream_starves_nobody) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        const descriptor peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(peer.get(), reinterpret_cast<const ::sockaddr*>(at.raw()), at.raw_size()), 0);
        auto flooded = must(co_await door.accept());
        std::thread flood([fd = peer.get()] {
            const std::string much(256 * 1024, 'x');
            while (::send(fd, much.data(), much.size(), MSG_NOSIGNAL) >= 0) {
            }
        });
        int ticks = 0;
        std::uint64_t flooded_by = 0;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, count_ticks(ticks));
            while (ticks < 20 || flooded_by < 20'000'000) {
                const lease piece = must(co_await flooded.receive());
                flooded_by += piece.size();
            }
        });
        must(co_await flooded.set_option(net::socket_option::linger, 0));
        must(co_await flooded.close());
        flood.join();
    });
}

TEST_P(fairness, yielding_asks_the_kernel_before_it_goes_on) {
    run([]() -> task<> {
        for (int i = 0; i < 10; ++i) {
            const std::uint64_t before = current_loop->statistics().turns;
            co_await yield();
            EXPECT_EQ(current_loop->statistics().turns, before + 1);
        }
    });
}

TEST_P(fairness, the_turn_budget_bounds_what_runs_before_the_kernel_is_asked) {
    loop_options small = options();
    small.turn_budget = 10;
    run(small, []() -> task<> {
        const loop_statistics before = current_loop->statistics();
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 1000; ++i) spawn(s, turns(1));
            co_await s.join();
        });
        const loop_statistics after = current_loop->statistics();
        EXPECT_GE(after.turns - before.turns, 100U);
        EXPECT_GT(after.budget_exhausted, before.budget_exhausted);
        EXPECT_LE(after.resumed - before.resumed, (after.turns - before.turns + 1) * 10);
    });
}

TEST_P(fairness, the_immediate_budget_bounds_what_completes_without_others_having_their_turn) {
    loop_options small = options();
    small.immediate_budget = 5;
    small.turn_budget = 10;
    run(small, []() -> task<> {
        auto pair = co_await connected();
        co_await turns(1);
        const loop_statistics before = current_loop->statistics();
        for (int i = 0; i < 1000; ++i) must(co_await pair.near.local_endpoint());
        const loop_statistics after = current_loop->statistics();
        EXPECT_GE((after.turns - before.turns + 1) * (5 + 10), 1000U);
        EXPECT_GT(after.immediate_deferred, before.immediate_deferred);
    });
}

}  // namespace
}  // namespace penstock::testing
