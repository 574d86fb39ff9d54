#include "machine/threads.hpp"

#include <sys/resource.h>

#include <fstream>

namespace iobench {

namespace {

constexpr std::uint64_t mappings_per_thread = 2;

class smallest {
  public:
    void add(std::uint64_t count, const char* by) {
        if (found_.count == 0 || count < found_.count) found_ = {count, by};
    }
    void add_number_in(const std::filesystem::path& file, const char* by, std::uint64_t parts = 1) {
        std::ifstream in(file);  // of a control group without a limit the word is "max"
        if (std::uint64_t number = 0; in >> number) add(number / parts, by);
    }
    thread_limit found() const { return found_; }

  private:
    thread_limit found_;
};

/// In version 2 of control groups the line "0::/path"; the groups above it may limit it, too.
std::string group_of(const std::filesystem::path& proc) {
    std::ifstream in(proc / "self/cgroup");
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("0::/")) return line.substr(4);
    }
    return {};
}

}  // namespace

thread_limit most_threads(const std::filesystem::path& proc, const std::filesystem::path& groups) {
    smallest all;
    rlimit processes{};
    if (::getrlimit(RLIMIT_NPROC, &processes) == 0 && processes.rlim_cur != RLIM_INFINITY) {
        all.add(processes.rlim_cur, "RLIMIT_NPROC");
    }
    all.add_number_in(proc / "sys/kernel/threads-max", "kernel.threads-max");
    all.add_number_in(proc / "sys/kernel/pid_max", "kernel.pid_max");
    all.add_number_in(proc / "sys/vm/max_map_count", "vm.max_map_count", mappings_per_thread);
    all.add_number_in(groups / "pids/pids.max", "pids.max of the control group");
    for (std::filesystem::path at = groups / group_of(proc); at != groups && at.has_relative_path();
         at = at.parent_path()) {
        all.add_number_in(at / "pids.max", "pids.max of the control group");
    }
    return all.found();
}

}  // namespace iobench
