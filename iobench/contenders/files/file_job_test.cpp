#include "contenders/files/file_job.hpp"

#include <gtest/gtest.h>

namespace iobench {
namespace {

file_job sound_job() { return {.paths = {"/a", "/b"}, .bytes = 1 << 20, .direct = true, .depth = 32}; }

TEST(file_job, comes_back_from_json_as_it_was) {
    const auto back = file_job_from(to_json(sound_job()));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(to_json(*back), to_json(sound_job()));
}

TEST(file_job, out_of_bounds_is_refused_with_the_reason) {
    const auto fault = [](auto spoil) {
        file_job job = sound_job();
        spoil(job);
        const auto back = file_job_from(to_json(job));
        return back ? std::string() : back.error();
    };
    EXPECT_EQ(fault([](file_job& job) { job.paths.clear(); }), "no files");
    EXPECT_EQ(fault([](file_job& job) { job.block = 1000; }), "the block size is no multiple of 4096");
    EXPECT_EQ(fault([](file_job& job) { job.bytes = 4096 + 512; }), "the files hold no whole number of blocks");
    EXPECT_EQ(fault([](file_job& job) { job.depth = 0; }), "a depth is from 1 to 1024");
    EXPECT_EQ(fault([](file_job& job) { job.seconds = 0; }), "no time");
    EXPECT_EQ(fault([](file_job& job) { job.sync = true; }), "what is not written can't be made durable");
    EXPECT_FALSE(file_job_from(nlohmann::json::object()));
}

TEST(file_result, comes_back_from_json_as_it_was) {
    const file_result taken{1000, 0.5, 0.25, 12, 80, 200, 900, 950, 32};
    const auto back = file_result_from(to_json(taken));
    ASSERT_TRUE(back) << back.error();
    EXPECT_EQ(to_json(*back), to_json(taken));
    EXPECT_FALSE(file_result_from({{"operations", 1}}));
}

}  // namespace
}  // namespace iobench
