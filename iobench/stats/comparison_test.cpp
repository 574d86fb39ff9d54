#include "stats/comparison.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace iobench {
namespace {

const metric cost{"cpu", "CPU", "µs"};
const metric rate{"rate", "rate", "1/s", false};

series of(const std::vector<double>& values, const metric& by = cost, unsigned first_round = 1) {
    series made;
    for (const double value : values) {
        made.samples.push_back({{by.name, value}});
        made.rounds.push_back(first_round++);
    }
    return made;
}

TEST(median, is_the_middle_or_the_mean_of_two) {
    EXPECT_EQ(median({3}), 3);
    EXPECT_EQ(median({9, 1, 2}), 2);
    EXPECT_EQ(median({4, 1, 2, 100}), 3);
}

TEST(median, has_an_interval_within_the_values_that_holds_it) {
    const estimate found = median_of({5, 1, 4, 2, 3});
    EXPECT_EQ(found.value, 3);
    EXPECT_GE(found.low, 1);
    EXPECT_LE(found.high, 5);
    EXPECT_LT(found.low, 3);
    EXPECT_GT(found.high, 3);
    const estimate alone = median_of({7});
    EXPECT_EQ(alone.low, 7);
    EXPECT_EQ(alone.high, 7);
}

TEST(median, has_an_interval_that_misses_the_truth_one_time_in_twenty) {
    std::mt19937 source(7);
    std::normal_distribution<double> noise(10, 1);
    int held = 0;
    constexpr int times = 300;
    for (int i = 0; i < times; ++i) {
        std::vector<double> values(15);
        std::ranges::generate(values, [&] { return noise(source); });
        const estimate found = median_of(values);
        held += found.low <= 10 && 10 <= found.high;
    }
    EXPECT_GT(held, times * 0.90);
    EXPECT_LT(held, times);
}

TEST(ratio_of_medians, resamples_both) {
    const estimate found = ratio_of_medians({20, 21, 22, 20, 21}, {10, 11, 10, 11, 10});
    EXPECT_DOUBLE_EQ(found.value, 2.1);
    EXPECT_DOUBLE_EQ(found.low, 20.0 / 11);
    EXPECT_DOUBLE_EQ(found.high, 2.2);
}

TEST(comparison, is_of_neighbours_in_time) {
    // The machine doubles its speed in the middle; side by side one is still a tenth dearer.
    const auto found = compare(of({11, 11, 11, 5.5, 5.5}), of({10, 10, 10, 5, 5}), cost);
    ASSERT_TRUE(found);
    EXPECT_NEAR(found->ratio.low, 1.1, 1e-9);
    EXPECT_NEAR(found->ratio.high, 1.1, 1e-9);
    EXPECT_EQ(found->is, verdict::slower);
    EXPECT_EQ(found->pairs, 5U);
}

TEST(comparison, calls_better_faster_whichever_way_that_is) {
    EXPECT_EQ(compare(of({8, 8, 8}), of({10, 10, 10}), cost)->is, verdict::faster);
    EXPECT_EQ(compare(of({8, 8, 8}, rate), of({10, 10, 10}, rate), rate)->is, verdict::slower);
    EXPECT_EQ(compare(of({12, 12, 12}, rate), of({10, 10, 10}, rate), rate)->is, verdict::faster);
}

TEST(comparison, is_a_tie_where_the_interval_holds_one_or_the_difference_is_small) {
    EXPECT_EQ(compare(of({9, 11, 12, 11, 12}), of({10, 10, 10, 10, 10}), cost)->is, verdict::tied);
    EXPECT_EQ(compare(of({10.1, 10.1, 10.1}), of({10, 10, 10}), cost)->is, verdict::tied);
    EXPECT_EQ(compare(of({9.9, 9.9, 9.9}), of({10, 10, 10}), cost)->is, verdict::tied);
}

TEST(comparison, needs_three_rounds_of_both) {
    EXPECT_FALSE(compare(of({1, 1}), of({1, 1}), cost));
    EXPECT_FALSE(compare(of({1, 1, 1, 1}, cost, 1), of({1, 1, 1, 1}, cost, 3), cost));
    EXPECT_TRUE(compare(of({1, 1, 1, 1, 1}, cost, 1), of({1, 1, 1, 1, 1}, cost, 3), cost));
    EXPECT_FALSE(compare(of({1, 1, 1}, rate), of({1, 1, 1}), cost));
    EXPECT_FALSE(compare(of({1, 1, 1}), of({0, 0, 0}), cost));
}

TEST(best, is_by_the_median_of_those_that_have_the_metric) {
    const series good = of({3, 3, 3});
    const series bad = of({5, 5, 1});
    const series without = of({1, 1, 1}, rate);
    EXPECT_EQ(best_of({&bad, &good, &without}, cost), &good);
    EXPECT_EQ(best_of({&without}, cost), nullptr);
}

}  // namespace
}  // namespace iobench
