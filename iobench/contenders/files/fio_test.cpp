#include "contenders/files/fio.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace iobench {
namespace {

bool has(const std::vector<std::string>& words, const std::string& word) {
    return std::ranges::find(words, word) != words.end();
}

TEST(fio, is_told_the_same_job) {
    const file_job job{.paths = {"/a", "/b"}, .bytes = 1 << 20, .direct = true, .depth = 32, .warm_up = 0.1};
    const auto words = fio_command("libaio", job);
    for (const char* const word : {"--filename=/a:/b", "--filesize=1048576", "--size=2097152", "--rw=randread",
                                   "--direct=1", "--iodepth=32", "--time_based", "--ramp_time=100ms"}) {
        EXPECT_TRUE(has(words, word)) << word;
    }
    EXPECT_FALSE(has(words, "--numjobs=32"));
}

TEST(fio, registers_what_it_uses_if_it_is_to) {
    const auto words = fio_command("io_uring-registered", {.paths = {"/a"}, .bytes = 1 << 20});
    for (const char* const word : {"--ioengine=io_uring", "--fixedbufs", "--registerfiles"}) {
        EXPECT_TRUE(has(words, word)) << word;
    }
    EXPECT_FALSE(has(fio_command("io_uring", {.paths = {"/a"}, .bytes = 1 << 20}), "--fixedbufs"));
}

TEST(fio, blocking_calls_are_made_by_several_each_in_its_part) {
    const file_job job{.paths = {"/a"}, .bytes = 1 << 20, .depth = 4, .one_pass = true};
    const auto words = fio_command("psync", job);
    for (const char* const word : {"--numjobs=4", "--size=262144", "--offset_increment=262144"}) {
        EXPECT_TRUE(has(words, word)) << word;
    }
    EXPECT_FALSE(has(words, "--time_based"));
}

constexpr const char* report = R"(note: something said before
{ "jobs" : [ { "error" : 0, "usr_cpu" : 10.0, "sys_cpu" : 30.0, "ctx" : 77, "job_runtime" : 1000,
  "read" : { "total_ios" : 5000, "runtime" : 500,
             "lat_ns" : { "percentile" : { "50.000000" : 1000, "99.000000" : 2000, "99.900000" : 3000,
                                           "99.990000" : 4000 } } } } ] })";

TEST(fio, report_is_read) {
    const auto taken = read_fio_report(report, false);
    ASSERT_TRUE(taken) << taken.error();
    EXPECT_EQ(taken->operations, 5000);
    EXPECT_EQ(taken->seconds, 0.5);
    EXPECT_DOUBLE_EQ(taken->cpu_seconds, 0.4);
    EXPECT_EQ(taken->switches, 77);
    EXPECT_EQ(taken->p99_us, 2);
    EXPECT_EQ(taken->p9999_us, 4);
}

TEST(fio, report_of_a_failure_is_one) {
    std::string failed = report;
    failed.replace(failed.find(": 0"), 3, ": 5");
    EXPECT_FALSE(read_fio_report(failed, false));
    EXPECT_FALSE(read_fio_report(report, true));
    EXPECT_FALSE(read_fio_report("fio: it all went wrong", false));
}

}  // namespace
}  // namespace iobench
