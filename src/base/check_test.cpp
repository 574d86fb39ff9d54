#include "base/check.hpp"

#include <gtest/gtest.h>

namespace {

TEST(check, says_where_and_what_then_aborts) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(PENSTOCK_CHECK(1 + 1 == 3, "arithmetic is broken"),
                 "penstock: .*check_test.cpp:[0-9]+: arithmetic is broken");
}

TEST(check, passes_what_holds_and_evaluates_it_once) {
    int evaluated = 0;
    PENSTOCK_CHECK(++evaluated == 1, "not once");
    EXPECT_EQ(evaluated, 1);
}

}  // namespace
