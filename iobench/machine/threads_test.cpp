#include "machine/threads.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace iobench {
namespace {

class threads_of_a_machine : public testing::Test {
  protected:
    threads_of_a_machine()
        : root_(std::filesystem::temp_directory_path() / ("iobench-" + std::to_string(::getpid()))) {}
    ~threads_of_a_machine() override { std::filesystem::remove_all(root_); }
    void put(const std::string& file, const std::string& text) const {
        std::filesystem::create_directories((root_ / file).parent_path());
        std::ofstream(root_ / file) << text << "\n";
    }
    thread_limit limit() const { return most_threads(root_ / "proc", root_ / "groups"); }

    std::filesystem::path root_;
};

TEST_F(threads_of_a_machine, are_limited_by_the_smallest) {
    put("proc/sys/kernel/threads-max", "900");
    put("proc/sys/kernel/pid_max", "800");
    EXPECT_EQ(limit().count, 800U);
    EXPECT_EQ(limit().by, "kernel.pid_max");
    put("proc/sys/vm/max_map_count", "1000");
    EXPECT_EQ(limit().count, 500U);
    EXPECT_EQ(limit().by, "vm.max_map_count");
}

TEST_F(threads_of_a_machine, are_limited_by_their_group_and_those_above_it) {
    put("proc/sys/kernel/pid_max", "800");
    put("proc/self/cgroup", "0::/outer/inner");
    put("groups/outer/inner/pids.max", "max");
    EXPECT_EQ(limit().count, 800U);
    put("groups/outer/pids.max", "64");
    EXPECT_EQ(limit().count, 64U);
    EXPECT_EQ(limit().by, "pids.max of the control group");
}

}  // namespace
}  // namespace iobench
