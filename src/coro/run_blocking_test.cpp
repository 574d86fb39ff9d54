#include <penstock/run_blocking.hpp>

#include <penstock/loop.hpp>
#include <penstock/scope.hpp>
#include <penstock/sleep.hpp>
#include <penstock/timeout.hpp>
#include <penstock/when.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <thread>

namespace penstock {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<loop> make_loop(unsigned threads = 4, std::size_t queue = 16) {
    auto made = loop::create({.backend = "epoll", .worker_threads = threads, .worker_queue = queue});
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

TEST(run_blocking, yields_what_the_callable_returns_and_runs_it_on_another_thread) {
    make_loop()->run([]() -> task<> {
        const std::thread::id here = std::this_thread::get_id();
        const result<std::thread::id> there = co_await run_blocking([] { return std::this_thread::get_id(); });
        EXPECT_TRUE(there.has_value());
        EXPECT_NE(*there, here);
        EXPECT_EQ(std::this_thread::get_id(), here);
        // A name of its own, since GCC 12 destroys the captures of a closure written inside of a co_await twice.
        auto gives_away = [p = std::make_unique<int>(7)]() mutable { return std::move(p); };
        auto moved = co_await run_blocking(std::move(gives_away));
        EXPECT_EQ(**moved, 7);
    }());
}

TEST(run_blocking, takes_callables_without_a_value_and_keeps_a_result_as_it_is) {
    make_loop()->run([]() -> task<> {
        bool called = false;
        const result<void> nothing = co_await run_blocking([&] { called = true; });
        EXPECT_TRUE(nothing.has_value());
        EXPECT_TRUE(called);
        const result<int> refused = co_await run_blocking([]() -> result<int> { return fail(std::errc::io_error); });
        EXPECT_EQ(refused.error(), std::errc::io_error);
    }());
}

TEST(run_blocking, rethrows_at_the_await) {
    make_loop()->run([]() -> task<> {
        std::string caught;
        try {
            static_cast<void>(co_await run_blocking([]() -> int { throw std::runtime_error("no luck"); }));
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
        EXPECT_EQ(caught, "no luck");
    }());
}

TEST(run_blocking, lets_the_loop_go_on_meanwhile) {
    make_loop()->run([]() -> task<> {
        std::binary_semaphore gate{0};
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](std::binary_semaphore& open) -> task<> {
                static_cast<void>(co_await sleep_for(5ms));
                open.release();
            }(gate));
            EXPECT_TRUE(co_await run_blocking([&] { gate.acquire(); }));
        });
    }());
}

task<result<void>> wait_for(std::binary_semaphore& gate) {
    co_return co_await run_blocking([&gate] { gate.acquire(); }, "a gate");
}

TEST(run_blocking, refuses_when_the_queue_is_full) {
    make_loop(1, 1)->run([]() -> task<> {
        std::binary_semaphore gates[2]{std::binary_semaphore(0), std::binary_semaphore(0)};
        co_await with_scope([&](scope& s) -> task<> {
            std::binary_semaphore begun{0};
            s.spawn([](std::binary_semaphore& b, std::binary_semaphore& gate) -> task<> {
                EXPECT_TRUE(co_await run_blocking([&] {
                    b.release();
                    gate.acquire();
                }));
            }(begun, gates[0]));
            while (!begun.try_acquire()) co_await yield();
            s.spawn(wait_for(gates[1]));
            co_await yield();
            const result<void> third = co_await run_blocking([] { ADD_FAILURE() << "it was called all the same"; });
            EXPECT_EQ(third.error(), errc::queue_full);
            for (auto& gate : gates) gate.release();
            co_await s.join();
        });
        EXPECT_TRUE(co_await run_blocking([] {}));
    }());
}

TEST(run_blocking, withdraws_a_cancelled_call_that_was_not_begun) {
    make_loop(1, 4)->run([]() -> task<> {
        std::binary_semaphore gate{0};
        co_await with_scope([&](scope& s) -> task<> {
            std::binary_semaphore begun{0};
            s.spawn([](std::binary_semaphore& b, std::binary_semaphore& open) -> task<> {
                EXPECT_TRUE(co_await run_blocking([&] {
                    b.release();
                    open.acquire();
                }));
            }(begun, gate));
            while (!begun.try_acquire()) co_await yield();
            const auto late = co_await with_timeout(1ms, run_blocking([] { ADD_FAILURE() << "was withdrawn"; }));
            EXPECT_EQ(late.error(), std::errc::timed_out);
            gate.release();
            co_await s.join();
        });
    }());
}

TEST(run_blocking, a_call_that_has_begun_succeeds_although_it_is_cancelled) {
    make_loop()->run([]() -> task<> {
        std::binary_semaphore begun{0};
        std::binary_semaphore gate{0};
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](std::binary_semaphore& b, std::binary_semaphore& open) -> task<> {
                const auto r = co_await run_blocking([&] {
                    b.release();
                    open.acquire();
                    return 5;
                });
                EXPECT_EQ(r.value_or(0), 5);
            }(begun, gate));
            while (!begun.try_acquire()) co_await yield();
            s.cancel();
            co_await yield();
            gate.release();
            co_await s.join();
        });
    }());
}

TEST(run_blocking, calls_nothing_under_a_cancellation_that_was_already_requested) {
    make_loop()->run([]() -> task<> {
        co_await with_scope([](scope& s) -> task<> {
            s.cancel();
            s.spawn([]() -> task<> {
                const auto r = co_await run_blocking([] { ADD_FAILURE() << "called"; });
                EXPECT_EQ(r.error(), std::errc::operation_canceled);
            }());
            co_await s.join();
        });
    }());
}

task<> spin_until(const bool& ended) {
    while (!ended) co_await yield();
}

// The worker's last step, waking the loop, must not find it gone. A loop that is busy does not need to be woken to
// hear that the call has ended, so it may be quicker than the worker.
TEST(run_blocking, the_loop_may_end_as_soon_as_the_call_has) {
    for (int i = 0; i < 300; ++i) {
        make_loop(1)->run([]() -> task<> {
            bool ended = false;
            co_await with_scope([&](scope& s) -> task<> {
                s.spawn(spin_until(ended));
                EXPECT_TRUE(co_await run_blocking([] {}));
                ended = true;
                co_await s.join();
            });
        }());
    }
}

TEST(run_blocking, many_at_once_each_get_their_own_value) {
    make_loop(4, 64)->run([]() -> task<> {
        std::vector<task<int>> calls;
        for (int i = 0; i < 60; ++i) {
            calls.push_back([](int n) -> task<int> {
                const auto r = co_await run_blocking([n] { return n; });
                co_return r.value_or(-1);
            }(i));
        }
        const std::vector<int> values = co_await when_all(std::move(calls));
        for (int i = 0; i < 60; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], i);
    }());
}

}  // namespace
}  // namespace penstock
