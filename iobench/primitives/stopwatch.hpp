// How primitives are timed.
#pragma once

#include "primitives/primitives.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>

namespace iobench {

class stopwatch {
  public:
    double seconds() const {
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
    }
    timing each(std::uint64_t repetitions) const {
        const auto n = static_cast<double>(repetitions);
        return {seconds() * 1e9 / n, (cpu_now() - cpu_) / n};
    }

  private:
    static double cpu_now() {
        std::timespec now{};
        ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
        return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
    }
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    double cpu_ = cpu_now();
};

/// Repeats `step` for so long, after a tenth of that to warm up. The clock is read once in `batch` times.
template <class Step>
timing time_each(double seconds, int batch, Step&& step) {
    for (const stopwatch warming; warming.seconds() < seconds / 10;) {
        for (int i = 0; i < batch; ++i) step();
    }
    std::uint64_t done = 0;
    const stopwatch watch;
    do {
        for (int i = 0; i < batch; ++i) step();
        done += static_cast<std::uint64_t>(batch);
    } while (watch.seconds() < seconds);
    return watch.each(done);
}

}  // namespace iobench
