// A bounded pool of threads for what can't be done without blocking: files on readiness mechanisms, run_blocking.
#pragma once

#include <penstock/detail/job.hpp>
#include <penstock/time.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace penstock::detail {

struct worker_statistics {
    unsigned threads = 0;
    unsigned busy = 0;
    std::size_t queued = 0;
    std::size_t most_queued = 0;
    std::uint64_t refused = 0;
};

/// Threads are started when first needed, up to `most_threads`, and block every signal. Beyond `most_queued` waiting
/// jobs, submit() refuses.
class worker_pool {
  public:
    worker_pool(unsigned most_threads, std::size_t most_queued);
    /// Calls join() with a limit of 10 s if that was not done.
    ~worker_pool();
    worker_pool(const worker_pool&) = delete;
    worker_pool& operator=(const worker_pool&) = delete;

    /// Any thread. \return false if the queue is full; nothing was kept then.
    bool submit(job& work) noexcept;
    /// Removes a job that no worker has begun. \return whether it was still waiting.
    bool withdraw(job& work) noexcept;
    /// Ends the threads. Jobs that still run after `limit` are named on standard error and abandoned with their
    /// threads; those that were not begun by then never will be. \return the names of the abandoned.
    std::vector<std::string> join(duration limit);

    /// Jobs that may wait.
    std::size_t most_queued() const noexcept;

    worker_statistics statistics() const noexcept;

  private:
    struct shared_state;
    static void work(std::shared_ptr<shared_state> state, std::size_t slot);
    bool start_thread() noexcept;

    std::shared_ptr<shared_state> state_;  // abandoned threads keep it alive
    bool joined_ = false;
};

}  // namespace penstock::detail
