// A file job while it is carried out: what comes next, whether it was right, and what it cost.
#pragma once

#include "contenders/files/block_order.hpp"
#include "contenders/files/file_job.hpp"
#include "support/latency_histogram.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>

namespace iobench {

/// A request under way: somebody owns `depth` of them and their buffers.
struct file_request {
    std::span<std::byte> bytes = {};  ///< one block, aligned for O_DIRECT
    std::size_t file = 0;             ///< which of the job's
    std::uint64_t offset = 0;
    std::uint64_t started = 0;  ///< nanoseconds of the monotonic clock
};

/// Ends the program with a line on standard error. For what makes all figures worthless.
[[noreturn]] void give_up(std::string_view what, int error = 0);

/// The job as the whole process sees it. What counts is what happens between two looks at a clock: the operations, the
/// seconds and the CPU are those of the same time.
class file_work {
  public:
    explicit file_work(file_job job);
    file_work(const file_work&) = delete;
    file_work& operator=(const file_work&) = delete;
    ~file_work();

    const file_job& job() const noexcept { return job_; }
    /// The files, opened as the job wants it, and told how they will be read (posix_fadvise(2)).
    std::vector<int> open_files() const;
    /// Tells the kernel how a file will be read.
    void advise(int fd) const noexcept;
    /// As many requests as may be under way, with buffers that live as long as this object.
    std::vector<file_request> requests();
    /// All is set up: says `ready`, waits for a line on standard input and lets the time begin.
    void begin();
    /// After the last request: what it gave. Looks at what was written.
    file_result finish();

  private:
    friend class file_worker;
    enum class phase : std::uint8_t { warming_up, counting, over };
    struct reading {
        double seconds = 0;
        double cpu_seconds = 0;
        double switches = 0;
        double calls = 0;
    };

    static reading read_clocks() noexcept;
    void keep_time();
    void end_counting();
    void check_written() const;

    const file_job job_;
    const std::uint64_t blocks_of_file_;
    const block_order order_;
    std::unique_ptr<std::byte, void (*)(void*)> buffers_;
    std::atomic<std::uint64_t> position_{0};  ///< how many were handed out
    std::atomic<phase> phase_{phase::warming_up};

    std::mutex mutex_;
    std::condition_variable ended_early_;
    bool stop_ = false;
    reading from_;
    reading to_;
    bench::latency_histogram latencies_;
    double operations_ = 0;
    std::thread timekeeper_;
};

/// The job as one thread sees it. What it has counted is added up when it goes.
class file_worker {
  public:
    explicit file_worker(file_work& all) noexcept;
    ~file_worker();
    file_worker(const file_worker&) = delete;
    file_worker& operator=(const file_worker&) = delete;

    /// What to read or write next. \return false if there is nothing more: time is over, or each block was visited.
    bool next(file_request& request) noexcept;
    /// \param result bytes, or a negative errno. What is wrong ends the program.
    void done(const file_request& request, std::int64_t result) noexcept;

  private:
    file_work& all_;
    std::uint64_t now_;
    std::uint64_t operations_ = 0;
    std::uint64_t seen_ = 0;
    bench::latency_histogram latencies_;
};

}  // namespace iobench
