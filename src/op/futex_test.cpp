#include "op/call.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

using word = std::atomic<std::uint32_t>;

/// Wakes until somebody was.
void wake_one(const word& of) {
    futex_wake_op op(of, 1, futex_reach::process);
    while (call(op, call_mode::no_wait) != 1) std::this_thread::yield();
}

TEST(futex_call, waits_only_for_a_word_that_has_the_value) {
    const word changed{7};
    futex_wait_op other(changed, 6, futex_reach::process);
    EXPECT_EQ(call(other, call_mode::no_wait), 0);
    EXPECT_EQ(call(other, call_mode::blocking), 0);
    futex_wait_op same(changed, 7, futex_reach::process);
    EXPECT_EQ(call(same, call_mode::no_wait), -EAGAIN);
}

TEST(futex_call, sleeps_until_it_is_woken) {
    for (const futex_reach reach : {futex_reach::process, futex_reach::machine}) {
        const word unchanged{0};
        futex_wait_op wait(unchanged, 0, reach);
        std::thread other([&] {
            futex_wake_op wake(unchanged, 1, reach);
            while (call(wake, call_mode::no_wait) != 1) std::this_thread::yield();
        });
        EXPECT_EQ(call(wait, call_mode::blocking), 0);
        other.join();
    }
}

TEST(futex_call, ends_when_it_is_interrupted_before_or_while_it_sleeps) {
    const word unchanged{0};
    futex_wait_op before(unchanged, 0, futex_reach::process);
    before.interrupt();
    EXPECT_EQ(call(before, call_mode::blocking), -ECANCELED);
    futex_wait_op sleeping(unchanged, 0, futex_reach::process);
    std::thread other([&] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        sleeping.interrupt();
    });
    EXPECT_EQ(call(sleeping, call_mode::blocking), -ECANCELED);
    other.join();
}

TEST(futex_call, wakes_no_more_than_it_is_asked_to) {
    const word unchanged{0};
    std::atomic<int> awake{0};
    std::vector<std::thread> sleeping;
    for (int i = 0; i < 2; ++i) {
        sleeping.emplace_back([&] {
            futex_wait_op wait(unchanged, 0, futex_reach::process);
            EXPECT_EQ(call(wait, call_mode::blocking), 0);
            ++awake;
        });
    }
    wake_one(unchanged);
    while (awake != 1) std::this_thread::yield();
    wake_one(unchanged);
    for (std::thread& t : sleeping) t.join();
    EXPECT_EQ(awake, 2);
}

}  // namespace
}  // namespace penstock::detail
