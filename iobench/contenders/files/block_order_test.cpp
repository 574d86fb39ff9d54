#include "contenders/files/block_order.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace iobench {
namespace {

TEST(block_order, visits_each_block_once) {
    for (const std::uint64_t count : {1U, 2U, 3U, 5U, 64U, 1000U, 16384U, 16385U}) {
        const block_order order(count, 42);
        std::vector<int> visits(count);
        for (std::uint64_t n = 0; n < count; ++n) ++visits.at(order(n));
        EXPECT_EQ(visits, std::vector<int>(count, 1)) << count;
    }
}

TEST(block_order, is_decided_by_the_seed_and_has_few_neighbours) {
    const block_order one(16384, 1);
    const block_order same(16384, 1);
    const block_order other(16384, 2);
    int neighbours = 0;
    int equal = 0;
    for (std::uint64_t n = 1; n < one.count(); ++n) {
        ASSERT_EQ(one(n), same(n));
        equal += one(n) == other(n) ? 1 : 0;
        neighbours += one(n) == one(n - 1) + 1 ? 1 : 0;
    }
    EXPECT_LT(equal, 200);
    EXPECT_LT(neighbours, 200);
}

}  // namespace
}  // namespace iobench
