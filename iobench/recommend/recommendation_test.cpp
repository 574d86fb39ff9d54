#include "recommend/recommendation.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace iobench {
namespace {

using testing::Contains;
using testing::HasSubstr;

void add(results& all, const std::string& contender, double x, const std::vector<double>& values,
         group of = group::penstock) {
    series made{
        .workload = "echo", .at = {std::to_string(static_cast<int>(x)) + " connections", x}, .by = {contender, of}};
    for (const double value : values) {
        made.samples.push_back({{"cpu_us", value}});
        made.rounds.push_back(static_cast<unsigned>(made.samples.size()));
    }
    all.measured.push_back(made);
}

results echoes() {
    results all;
    all.workloads.push_back({"echo", "echo", "", "connections", true, {{"cpu_us", "CPU", "µs"}}});
    add(all, "penstock/io_uring", 256, {4, 4, 4, 4, 4});
    add(all, "penstock/epoll", 256, {5, 5, 5, 5, 5});
    add(all, "penstock/linux_aio", 256, {6, 6, 6, 6, 6});
    add(all, "bare/epoll", 256, {3, 3, 3, 3, 3}, group::bare);
    add(all, "penstock/io_uring", 1, {9, 9, 9, 9, 9});
    add(all, "penstock/threads", 1, {7, 7, 7, 7, 7});
    return all;
}

recommendation of(const results& all, const std::string& name) {
    const auto made = recommend(all);
    const auto found = std::ranges::find_if(made, [&](const recommendation& one) { return one.of->name == name; });
    return found == made.end() ? recommendation{} : *found;
}

TEST(recommendation, is_the_best_of_penstock_with_its_margin) {
    const auto made = of(echoes(), "socket-only server");
    EXPECT_EQ(made.model, "io_uring");
    EXPECT_EQ(made.line, "loop::create({.backend = \"io_uring\"})");
    EXPECT_EQ(made.next, "epoll");
    EXPECT_DOUBLE_EQ(made.margin->value, 1.25);
    EXPECT_EQ(made.sure, confidence::high);
    EXPECT_THAT(made.changes, Contains("at 1 connections it is threads"));
}

TEST(recommendation, tells_neighbours_with_the_same_winner_at_once) {
    results all = echoes();
    add(all, "penstock/io_uring", 4, {9, 9, 9, 9, 9});
    add(all, "penstock/threads", 4, {7, 7, 7, 7, 7});
    EXPECT_THAT(of(all, "socket-only server").changes, Contains("from 1 connections to 4 connections it is threads"));
}

TEST(recommendation, keeps_to_what_the_scenario_may_use) {
    const results all = echoes();
    EXPECT_EQ(of(all, "old or hardened host").model, "epoll");
    EXPECT_EQ(of(all, "few connections").model, "threads");
    EXPECT_EQ(of(all, "portable program").model, "");
    EXPECT_FALSE(may_use(allowed::posix, "epoll"));
    EXPECT_FALSE(may_use(allowed::without_io_uring, "io_uring:1"));
}

TEST(recommendation, says_which_run_would_fill_what_is_missing) {
    const results all = echoes();
    EXPECT_EQ(of(all, "network and files").missing,
              "iobench run mixed --contender penstock --point '4 KiB reads, O_DIRECT'");
    EXPECT_EQ(of(all, "portable program").missing, "iobench run echo --contender penstock --point 32");
    EXPECT_EQ(of(results{}, "socket-only server").missing, "iobench run echo --contender penstock --point 256");
}

TEST(recommendation, names_who_ties_and_is_not_sure_then) {
    results all = echoes();
    all.measured[1].samples = {
        {{"cpu_us", 4.0}}, {{"cpu_us", 4.4}}, {{"cpu_us", 3.9}}, {{"cpu_us", 4.2}}, {{"cpu_us", 4.1}}};
    const auto made = of(all, "socket-only server");
    EXPECT_EQ(made.model, "io_uring");
    EXPECT_EQ(made.as_good, std::vector<std::string>{"epoll"});
    EXPECT_EQ(made.next, "linux_aio");
    EXPECT_EQ(made.sure, confidence::none);
}

TEST(recommendation, turns_ratios_round_where_more_is_better) {
    results all;
    all.workloads.push_back({"files-random-direct", "", "", "", true, {{"iops", "", "1/s", false}}});
    for (const auto& [name, iops] : {std::pair{"penstock/io_uring", 90.0}, {"penstock/epoll", 45.0}}) {
        series one{.workload = "files-random-direct", .at = {"queue depth 32", 32}, .by = {name, group::penstock}};
        for (unsigned round = 1; round <= 4; ++round) {
            one.samples.push_back({{"iops", iops}});
            one.rounds.push_back(round);
        }
        all.measured.push_back(one);
    }
    const auto made = of(all, "O_DIRECT database");
    EXPECT_EQ(made.model, "io_uring");
    EXPECT_DOUBLE_EQ(made.margin->value, 2);
    EXPECT_EQ(made.sure, confidence::low);
    EXPECT_EQ(of(all, "fast NVMe").model, "io_uring");  // a factor of four away is near enough
    all.measured[0].at.x = all.measured[1].at.x = 8;
    EXPECT_NE(of(all, "fast NVMe").missing, "");
}

}  // namespace
}  // namespace iobench
