#include "compare/runs.hpp"

#include <gtest/gtest.h>

namespace iobench {
namespace {

series of(const std::string& contender, const std::vector<double>& values) {
    series made{.workload = "echo", .at = {"32", 32}, .by = {contender}};
    for (const double value : values) {
        made.samples.push_back({{"rate", value}});
        made.rounds.push_back(static_cast<unsigned>(made.samples.size()));
    }
    return made;
}

results run_with(std::vector<series> measured, const char* kernel = "6.1") {
    results all{.environment = {{"kernel", kernel}, {"cores", {0, 1}}, {"load", {1, 2, 3}}}};
    all.workloads.push_back({"echo", "echo", "", "", true, {{"rate", "rate", "1/s", false}}});
    all.measured = std::move(measured);
    return all;
}

TEST(compare_runs, says_what_became_better_worse_or_stayed) {
    const auto found = compare_runs(run_with({of("a", {10, 10, 11}), of("b", {10, 10, 10}), of("c", {10, 10, 11})}),
                                    run_with({of("a", {20, 21, 22}), of("b", {5, 5, 5}), of("c", {10, 11, 10})}));
    ASSERT_EQ(found.changes.size(), 3U);
    EXPECT_EQ(found.changes[0].is, verdict::faster);
    EXPECT_DOUBLE_EQ(found.changes[0].ratio.value, 2.1);
    EXPECT_EQ(found.changes[1].is, verdict::slower);
    EXPECT_EQ(found.changes[2].is, verdict::tied);
    EXPECT_TRUE(found.machines.empty());
}

TEST(compare_runs, says_what_only_one_has) {
    const auto found = compare_runs(run_with({of("a", {1, 1, 1}), of("b", {1, 1, 1})}),
                                    run_with({of("a", {1, 1}), of("c", {1, 1, 1})}, "6.2"));
    EXPECT_TRUE(found.changes.empty());
    EXPECT_EQ(found.only_before, std::vector<std::string>{"echo, 32, b"});
    EXPECT_EQ(found.only_after, std::vector<std::string>{"echo, 32, c"});
    EXPECT_EQ(found.machines, std::vector<std::string>{"kernel: 6.1, then 6.2"});
}

}  // namespace
}  // namespace iobench
