// How many threads a process may have.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace iobench {

struct thread_limit {
    std::uint64_t count = 0;  ///< 0: nothing is known to limit it
    std::string by;           ///< "kernel.pid_max"
};

/// The smallest of what limits it: RLIMIT_NPROC, kernel.threads-max, kernel.pid_max, vm.max_map_count (a stack and its
/// guard are a mapping each), and pids.max of the control group.
thread_limit most_threads(const std::filesystem::path& proc = "/proc",
                          const std::filesystem::path& groups = "/sys/fs/cgroup");

}  // namespace iobench
