// The processes that are measured and that make load: this program again, in a role, on a core of its own.
#pragma once

#include "count/counters.hpp"

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace iobench {

/// Where a process runs: what is measured and what makes its load share no core, if there are two.
enum class core { server, load, any };

/// What a process has used since it started: the sum over its threads, the kernel's helpers of it (io_uring's workers
/// and pollers) among them, and over its children.
struct usage {
    std::uint64_t cpu_nanoseconds = 0;       ///< user and kernel; /proc/PID/task/*/schedstat, see proc(5)
    std::uint64_t voluntary_switches = 0;    ///< context switches since it waited
    std::uint64_t involuntary_switches = 0;  ///< context switches since others were to run
    std::uint64_t resident_bytes = 0;        ///< now
    std::uint64_t threads = 0;               ///< now
    call_counts calls = {};                  ///< system calls; counted of a child in a role only
};

/// A child process, ended when this object goes. It does not outlive this program, whatever ends that. Not for several
/// threads at once.
class child {
  public:
    /// Runs this program in a role (see process/roles.hpp): words[0] is the role, the rest its arguments.
    static std::expected<child, std::string> in_role(const std::vector<std::string>& words, core where);
    /// Runs another program, found by PATH.
    static std::expected<child, std::string> program(const std::vector<std::string>& words, core where);
    child(child&& other) noexcept;
    child& operator=(child&& other) noexcept;
    ~child();

    /// The next line of its standard output. Errors: it ended (its last words), it said nothing for so long, or the
    /// user wants to end it all (process/interrupt.hpp).
    std::expected<std::string, std::string> read_line(
        std::chrono::duration<double> patience = std::chrono::seconds(30));
    /// A line to its standard input.
    std::expected<void, std::string> tell(const std::string& line);
    std::expected<usage, std::string> used() const;
    pid_t pid() const noexcept { return pid_; }
    /// Asks it to end by SIGTERM, and after five seconds by SIGKILL. Nothing if it has ended.
    void end() noexcept;
    /// Waits for it to end by itself. \return its exit status, or what went wrong
    std::expected<int, std::string> finish(std::chrono::duration<double> patience = std::chrono::seconds(30));

  private:
    child() = default;
    static std::expected<child, std::string> spawn(const std::string& file, std::vector<std::string> words, core where,
                                                   shared_counters counters);
    std::string last_words();

    pid_t pid_ = -1;
    int in_ = -1;
    int out_ = -1;
    int errors_ = -1;
    shared_counters counters_;
    std::string name_;
    std::string buffered_;
};

}  // namespace iobench
