#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

namespace penstock {
namespace {

using namespace testing;

TEST(later, never_is_beyond_every_duration) {
    const time_point now = clock::now();
    EXPECT_EQ(detail::later(now, 5s), now + 5s);
    EXPECT_EQ(detail::later(now, -5s), now - 5s);
    EXPECT_EQ(detail::later(now, duration::max()), never);
    EXPECT_LT(detail::later(now, duration::min()), now);
    EXPECT_EQ(detail::later(now, never - now), never);
}

// "No limit" is a duration that people write.
TEST(timeout, the_longest_duration_is_no_limit_and_not_one_that_has_passed) {
    auto l = loop::create({.backend = "epoll", .shutdown_limit = duration::max()});
    ASSERT_TRUE(l);
    (*l)->run([]() -> task<> {
        EXPECT_TRUE(is_error(co_await with_timeout(1ms, sleep_for(duration::max())), std::errc::timed_out));
        EXPECT_TRUE(succeeds(co_await with_timeout(duration::max(), sleep_for(1ms))));
    }());
}

TEST(timeout, may_be_made_before_the_loop_runs) {
    auto l = loop::create({.backend = "epoll"});
    ASSERT_TRUE(l);
    auto work = []() -> task<result<void>> { co_return co_await sleep_for(long_time); };
    EXPECT_TRUE(is_error((*l)->run(with_timeout(1ms, work())), std::errc::timed_out));
}

}  // namespace
}  // namespace penstock
