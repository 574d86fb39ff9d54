#include "contenders/files/file_work.hpp"

#include "contenders/files/content.hpp"
#include "count/counters.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace iobench {

namespace {

constexpr std::uint64_t verified_of = 16;  // one read in so many is looked at: fio looks at none
constexpr std::uint64_t written_checked = 64;

std::uint64_t nanoseconds_of(::clockid_t clock) noexcept {
    ::timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::byte* allocate(std::size_t bytes) {
    auto* const memory = static_cast<std::byte*>(std::aligned_alloc(page_size, bytes));
    if (memory == nullptr) give_up("no memory for the buffers");
    fill_with_noise({memory, bytes}, 1);  // also so that no page of it is faulted in while time is taken
    return memory;
}

}  // namespace

void give_up(std::string_view what, int error) {
    std::fprintf(stderr, "%.*s%s%s\n", static_cast<int>(what.size()), what.data(), error != 0 ? ": " : "",
                 error != 0 ? std::strerror(error) : "");
    std::fflush(stderr);
    ::_exit(1);  // other threads go on: nothing they use may be destroyed
}

file_work::file_work(file_job job)
    : job_(std::move(job)),
      blocks_of_file_(job_.bytes / job_.block),
      order_(blocks_of_file_ * job_.paths.size(), job_.order_seed),
      buffers_(allocate(job_.depth * job_.block), std::free) {}

file_work::~file_work() { end_counting(); }

std::vector<int> file_work::open_files() const {
    std::vector<int> all;
    const int flags = (job_.write ? O_RDWR : O_RDONLY) | O_CLOEXEC | (job_.direct ? O_DIRECT : 0);
    for (const std::string& path : job_.paths) {
        const int fd = ::open(path.c_str(), flags);
        if (fd < 0) give_up(path, errno);
        advise(fd);
        all.push_back(fd);
    }
    return all;
}

// As fio does by default.
void file_work::advise(int fd) const noexcept {
    ::posix_fadvise(fd, 0, 0, job_.random ? POSIX_FADV_RANDOM : POSIX_FADV_SEQUENTIAL);
}

std::vector<file_request> file_work::requests() {
    std::vector<file_request> all(job_.depth);
    for (unsigned i = 0; i < job_.depth; ++i) all[i].bytes = {buffers_.get() + i * job_.block, job_.block};
    return all;
}

void file_work::begin() {
    std::puts("ready");
    std::fflush(stdout);
    char line[16];
    if (std::fgets(line, sizeof line, stdin) == nullptr) give_up("nobody said go");
    timekeeper_ = std::thread([this] { keep_time(); });
}

file_work::reading file_work::read_clocks() noexcept {
    ::rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return {static_cast<double>(nanoseconds_of(CLOCK_MONOTONIC)) / 1e9,
            static_cast<double>(nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID)) / 1e9,
            static_cast<double>(used.ru_nvcsw + used.ru_nivcsw), static_cast<double>(total(counted_here()))};
}

void file_work::keep_time() {
    const auto stopped = [this] { return stop_; };
    std::unique_lock lock(mutex_);
    ended_early_.wait_for(lock, std::chrono::duration<double>(job_.warm_up), stopped);
    from_ = read_clocks();
    phase_.store(phase::counting, std::memory_order_relaxed);
    ended_early_.wait_for(lock, std::chrono::duration<double>(job_.seconds), stopped);
    phase_.store(phase::over, std::memory_order_relaxed);
    to_ = read_clocks();
}

void file_work::end_counting() {
    if (!timekeeper_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stop_ = true;
    }
    ended_early_.notify_one();
    timekeeper_.join();
}

file_result file_work::finish() {
    end_counting();
    if (job_.write) check_written();
    if (operations_ == 0) give_up("not one operation ended while it counted");
    const auto microseconds = [this](double share) { return static_cast<double>(latencies_.percentile(share)) / 1000; };
    return {.operations = operations_,
            .seconds = to_.seconds - from_.seconds,
            .cpu_seconds = to_.cpu_seconds - from_.cpu_seconds,
            .switches = to_.switches - from_.switches,
            .p50_us = microseconds(0.50),
            .p99_us = microseconds(0.99),
            .p999_us = microseconds(0.999),
            .p9999_us = microseconds(0.9999),
            .calls = to_.calls - from_.calls};
}

void file_work::check_written() const {
    const std::uint64_t count = std::min(position_.load(), order_.count());
    std::vector<std::byte> page(page_size);
    for (std::uint64_t n = 0; n < std::min(count, written_checked); ++n) {
        const std::uint64_t block = job_.random ? order_(n) : n;
        const std::string& path = job_.paths[block / blocks_of_file_];
        const std::uint64_t at = block % blocks_of_file_ * job_.block;
        const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
        const ::ssize_t bytes = ::pread(fd, page.data(), page.size(), static_cast<::off_t>(at));
        ::close(fd);
        if (bytes != static_cast<::ssize_t>(page.size()) ||
            !marked_right(page, job_.order_seed, block / blocks_of_file_, at)) {
            give_up("what was written to " + path + " is not there");
        }
    }
}

file_worker::file_worker(file_work& all) noexcept : all_(all), now_(nanoseconds_of(CLOCK_MONOTONIC)) {}

file_worker::~file_worker() {
    const std::lock_guard lock(all_.mutex_);
    all_.operations_ += static_cast<double>(operations_);
    all_.latencies_.add(latencies_);
}

// The time is that of the last done(), which is just now or a batch of completions ago: the request could begin then.
bool file_worker::next(file_request& request) noexcept {
    if (all_.phase_.load(std::memory_order_relaxed) == file_work::phase::over) return false;
    const std::uint64_t n = all_.position_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t count = all_.order_.count();
    if (n >= count && all_.job_.one_pass) return false;
    const std::uint64_t visit = n % count;
    const std::uint64_t block = all_.job_.random ? all_.order_(visit) : visit;
    request.file = block / all_.blocks_of_file_;
    request.offset = block % all_.blocks_of_file_ * all_.job_.block;
    request.started = now_;
    if (all_.job_.write) mark_pages(request.bytes, all_.job_.order_seed, request.file, request.offset);
    return true;
}

void file_worker::done(const file_request& request, std::int64_t result) noexcept {
    now_ = nanoseconds_of(CLOCK_MONOTONIC);
    const file_job& job = all_.job_;
    if (result < 0) give_up(job.paths[request.file], static_cast<int>(-result));
    if (result != static_cast<std::int64_t>(job.block)) give_up(job.paths[request.file] + ": a part only");
    if (!job.write && ++seen_ % verified_of == 0 &&
        !marked_right(request.bytes, job.seed, request.file, request.offset)) {
        give_up(job.paths[request.file] + ": wrong bytes");
    }
    if (all_.phase_.load(std::memory_order_relaxed) != file_work::phase::counting) return;
    ++operations_;
    latencies_.add(now_ - request.started);
}

}  // namespace iobench
