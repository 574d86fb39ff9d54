#include "backend/io_uring/batch_target.hpp"

#include <gtest/gtest.h>

namespace penstock::detail {
namespace {

using namespace std::chrono_literals;

/// A loop whose waits are told to a target, on a clock of its own.
class batch_target_test : public ::testing::Test {
  protected:
    static constexpr unsigned most = 32;

    /// For some milliseconds: a wait every so often, each of which brings so many.
    void waits(duration each, unsigned bring) {
        for (const time_point until = now_ + 5ms; now_ < until; now_ += each) target_.learn(now_, bring);
    }

    batch_target target_{most, 50us, true};
    time_point now_{1h};
};

TEST_F(batch_target_test, is_one_until_much_has_come) {
    EXPECT_EQ(target_.now(), 1U);
    waits(40us, 1);
    EXPECT_EQ(target_.now(), 1U);
}

TEST_F(batch_target_test, is_what_a_wait_brings_while_many_come) {
    waits(50us, 12);
    EXPECT_EQ(target_.now(), 12U);
    waits(50us, 20);
    EXPECT_EQ(target_.now(), 20U);
}

TEST_F(batch_target_test, is_no_more_than_may_be) {
    waits(50us, 200);
    EXPECT_EQ(target_.now(), most);
}

TEST_F(batch_target_test, is_one_for_a_few_however_fast) {
    waits(10us, 4);
    EXPECT_EQ(target_.now(), 1U);
}

TEST_F(batch_target_test, is_one_for_many_that_come_seldom) {
    waits(1ms, 30);
    EXPECT_EQ(target_.now(), 1U);
}

TEST_F(batch_target_test, is_one_again_when_the_load_is_over) {
    waits(50us, 12);
    now_ += 1s;
    waits(50us, 0);
    EXPECT_EQ(target_.now(), 1U);
}

TEST_F(batch_target_test, does_not_adapt_where_it_is_not_to) {
    target_ = {6, 50us, false};
    EXPECT_EQ(target_.now(), 6U);
    waits(50us, 0);
    EXPECT_EQ(target_.now(), 6U);
}

}  // namespace
}  // namespace penstock::detail
