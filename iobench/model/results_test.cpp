#include "model/results.hpp"

#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace iobench {
namespace {

results some() {
    results all{.environment = {{"kernel", "6.1"}, {"warnings", {"busy"}}},
                .command = "iobench run echo",
                .seconds = 1.5,
                .complete = false};
    all.workloads.push_back({.name = "echo",
                             .title = "an echo",
                             .says = "What \"it\" says: µs.",
                             .axis = "connections",
                             .logarithmic = false,
                             .metrics = {{"cpu", "CPU", "µs"}, {"rate", "rate", "1/s", false}}});
    all.measured.push_back({.workload = "echo",
                            .at = {"32 connections", 32},
                            .by = {"bare/epoll", group::bare},
                            .samples = {{{"cpu", 1.25}, {"rate", 1e6}}, {{"cpu", 1.5}}},
                            .rounds = {1, 3}});
    all.measured.push_back({.workload = "echo", .at = {"alone"}, .by = {"libuv", group::peer}});
    all.left_out.push_back({"echo, bare/select", "too many"});
    return all;
}

TEST(results, are_the_same_after_a_round_trip) {
    const auto back = from_json(nlohmann::json::parse(to_json(some()).dump()));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(to_json(*back), to_json(some()));
    EXPECT_EQ(back->measured[0].by.of, group::bare);
    EXPECT_EQ(back->measured[0].samples[1].size(), 1U);
    EXPECT_TRUE(std::isnan(back->measured[1].at.x));
    EXPECT_FALSE(back->complete);
    EXPECT_EQ(back->workloads[0].metrics[1].less_is_better, false);
}

TEST(results, are_found_by_their_names) {
    const results all = some();
    ASSERT_NE(all.find("echo", "32 connections", "bare/epoll"), nullptr);
    EXPECT_EQ(all.find("echo", "32 connections", "libuv"), nullptr);
    EXPECT_EQ(all.find("echo", "32 connections", "bare/epoll")->values("rate"), std::vector<double>{1e6});
    EXPECT_EQ(all.points("echo").size(), 2U);
    EXPECT_EQ(all.at("echo", "alone").size(), 1U);
    EXPECT_EQ(all.find_workload("idle"), nullptr);
}

TEST(results, are_read_back_from_a_file) {
    const penstock::testing::temporary_directory folder;
    const std::filesystem::path path = folder / "a.json";
    ASSERT_TRUE(save(some(), path));
    const auto back = load(path);
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(to_json(*back), to_json(some()));
}

TEST(results, say_what_is_wrong_with_a_file) {
    const penstock::testing::temporary_directory folder;
    const auto complaint = [&](const char* content) {
        std::ofstream(folder / "x.json") << content;
        const auto loaded = load(folder / "x.json");
        EXPECT_FALSE(loaded);
        return loaded ? "" : loaded.error();
    };
    EXPECT_NE(load(folder / "none.json").error().find("none.json: No such file"), std::string::npos);
    EXPECT_NE(complaint("{").find("it is not JSON"), std::string::npos);
    EXPECT_NE(complaint("{}").find("not a result of iobench"), std::string::npos);
    EXPECT_NE(complaint("[1]").find("not a result of iobench"), std::string::npos);
    EXPECT_NE(complaint(R"({"iobench": 99})").find("of version 99 of the format"), std::string::npos);
    EXPECT_FALSE(save(some(), folder / "no/folder.json"));
}

}  // namespace
}  // namespace iobench
