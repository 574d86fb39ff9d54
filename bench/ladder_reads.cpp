// Random reads of 4 KiB for `tools/bench ladder`: on io_uring with the features that it is told, one more on each rung.
// `ladder_reads --file NAME --depth 32 --with defer,files,buffers`; `--make MIB` makes the file first. Each block
// begins with its number, which is looked at. Prints one line of JSON.

#include "bare/ladder_ring.hpp"
#include "support/arguments.hpp"
#include "support/latency_histogram.hpp"
#include "support/sockets.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
using bench::ladder_features;
using bench::ladder_ring;

constexpr std::size_t block = 4096;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t blocks_per_mebibyte = (std::size_t{1} << 20) / block;

// Of all threads of the process, those that the kernel has made for the ring among them.
std::uint64_t cpu_nanoseconds() {
    std::uint64_t sum = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::uint64_t spent = 0;
        std::ifstream(task.path() / "schedstat") >> spent;
        sum += spent;
    }
    return sum;
}

void make_file(const std::string& name, std::size_t mebibytes) {
    const int file = bench::check(::open(name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), name);
    std::vector<std::byte> piece(blocks_per_mebibyte * block);
    for (std::uint64_t number = 0; number < mebibytes * blocks_per_mebibyte; number += blocks_per_mebibyte) {
        for (std::uint64_t i = 0; i < blocks_per_mebibyte; ++i) {
            const std::uint64_t marked = number + i;
            std::memcpy(&piece[i * block], &marked, sizeof marked);
        }
        if (bench::check(static_cast<int>(::write(file, piece.data(), piece.size())), name) !=
            static_cast<int>(piece.size())) {
            bench::fail(name, ENOSPC);
        }
    }
    bench::check(::fsync(file), name);
    ::close(file);
}

// A queue of the device that is looked at instead of interrupting: only some drives have one, and only if it was asked
// for.
void require_poll_queue(int file) {
    struct stat about{};
    bench::check(::fstat(file, &about), "fstat");
    const std::string device =
        "/sys/dev/block/" + std::to_string(::major(about.st_dev)) + ":" + std::to_string(::minor(about.st_dev));
    for (const char* const queue : {"/queue/io_poll", "/../queue/io_poll"}) {  // the second for a partition
        int polled = 0;
        if (std::ifstream(device + queue) >> polled && polled == 1) {
            return;
        }
    }
    bench::not_here("the device has no queue for polling (of NVMe: the parameter poll_queues of its module)");
}

std::byte* allocate(std::size_t size, bool in_huge_pages) {
    const std::size_t unit = in_huge_pages ? huge_page : block;
    const std::size_t whole = (size + unit - 1) / unit * unit;
    auto* const memory = static_cast<std::byte*>(std::aligned_alloc(unit, whole));
    if (in_huge_pages) {
        std::string setting;
        std::getline(std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled"), setting);
        if (setting.find("[never]") != std::string::npos || ::madvise(memory, whole, MADV_HUGEPAGE) != 0) {
            bench::not_here("transparent huge pages are turned off, or this kernel has none");
        }
    }
    std::memset(memory, 0, whole);
    return memory;
}

class reader {
  public:
    reader(const std::string& name, bool direct, unsigned depth, const ladder_features& with)
        : with_{with},
          file_{bench::check(::open(name.c_str(), O_RDONLY | O_CLOEXEC | (direct ? O_DIRECT : 0), 0), name)},
          ring_{with, std::max(depth, 8U)},
          depth_{depth},
          memory_{allocate(depth * block, with.huge_pages)},
          asked_(depth) {
        if (with.iopoll) {
            require_poll_queue(file_);
        }
        struct stat about{};
        bench::check(::fstat(file_, &about), name);
        blocks_ = static_cast<std::uint64_t>(about.st_size) / block;
        if (blocks_ == 0) {
            bench::fail(name, ENODATA);
        }
        if (with.files && ::io_uring_register_files(&ring_.native(), &file_, 1) < 0) {
            bench::not_here("files can't be registered");
        }
        if (with.buffers) {
            register_buffers();
        }
        for (unsigned slot = 0; slot < depth; ++slot) {
            ask(slot);
        }
    }
    ~reader() { std::free(memory_); }
    reader(const reader&) = delete;
    reader& operator=(const reader&) = delete;

    void run_until(clock_type::time_point end) {
        while (now_ < end) {
            ring_.turn(std::min(with_.batch, depth_));
            now_ = clock_type::now();
            take_all();
        }
    }

    void begin_to_count() {
        latency_ = {};
        operations_ = 0;
        enters_ = bench::enters_so_far();
        cpu_ = cpu_nanoseconds();
        began_ = now_ = clock_type::now();
    }

    void report() {
        const std::uint64_t cpu = cpu_nanoseconds() - cpu_;
        const std::chrono::duration<double> taken = now_ - began_;
        std::printf(R"({"operations": %llu, "seconds": %.6f, "cpu_ns": %llu, "enters": %llu, "p99_us": %.2f})"
                    "\n",
                    static_cast<unsigned long long>(operations_), taken.count(), static_cast<unsigned long long>(cpu),
                    static_cast<unsigned long long>(bench::enters_so_far() - enters_),
                    static_cast<double>(latency_.percentile(0.99)) / 1000);
    }

  private:
    struct request {
        std::uint64_t number = 0;
        clock_type::time_point started;
    };

    void register_buffers() {
        std::vector<iovec> all(depth_);
        for (unsigned slot = 0; slot < depth_; ++slot) {
            all[slot] = {.iov_base = at(slot), .iov_len = block};
        }
        if (const int result = ::io_uring_register_buffers(&ring_.native(), all.data(), depth_); result < 0) {
            bench::fail("io_uring_register_buffers (RLIMIT_MEMLOCK?)", -result);
        }
    }

    void ask(unsigned slot) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        asked_[slot] = {.number = state_ % blocks_, .started = now_};
        io_uring_sqe& entry = ring_.prepare();
        const std::uint64_t offset = asked_[slot].number * block;
        const int file = with_.files ? 0 : file_;
        if (with_.buffers) {
            ::io_uring_prep_read_fixed(&entry, file, at(slot), block, offset, static_cast<int>(slot));
        } else {
            ::io_uring_prep_read(&entry, file, at(slot), block, offset);
        }
        entry.flags |= with_.files ? IOSQE_FIXED_FILE : 0U;
        entry.user_data = slot;
    }

    void take_all() {
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_.native(), head, completion) {
            done(static_cast<unsigned>(completion->user_data), completion->res);
            ++seen;
        }
        ::io_uring_cq_advance(&ring_.native(), seen);
    }

    void done(unsigned slot, int result) {
        if (result == -EOPNOTSUPP && with_.iopoll) {
            bench::not_here("the file system or its device refuses to be polled");
        }
        std::uint64_t marked = 0;
        std::memcpy(&marked, at(slot), sizeof marked);
        if (result != static_cast<int>(block) || marked != asked_[slot].number) {
            bench::fail("a read", result < 0 ? -result : EBADMSG);
        }
        latency_.add(static_cast<std::uint64_t>((now_ - asked_[slot].started).count()));
        ++operations_;
        ask(slot);
    }

    [[nodiscard]] std::byte* at(unsigned slot) const { return memory_ + slot * block; }

    ladder_features with_;
    int file_;
    ladder_ring ring_;
    unsigned depth_;
    std::byte* memory_;
    std::vector<request> asked_;
    std::uint64_t blocks_ = 0;
    std::uint64_t state_ = 0x9e3779b97f4a7c15;
    bench::latency_histogram latency_;
    std::uint64_t operations_ = 0;
    std::uint64_t enters_ = 0;
    std::uint64_t cpu_ = 0;
    clock_type::time_point began_;
    clock_type::time_point now_ = clock_type::now();
};

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{
        count,
        values,
        {.usage = "ladder_reads --file NAME [--make MIB] [--depth N] [--batch N] [--with FEATURE,...] [--sq-core N] "
                  "[--seconds S] [--warm-up S] [--buffered]",
         .options = {"--file", "--make", "--depth", "--batch", "--with", "--sq-core", "--seconds", "--warm-up"},
         .flags = {"--buffered"}}};
    const std::string name = arguments.text("--file");
    if (arguments.has("--make")) {
        make_file(name, static_cast<std::size_t>(arguments.number("--make", 0)));
    }
    ladder_features with;
    if (const auto wrong = with.read(arguments)) {
        arguments.misuse(*wrong);
    }
    reader all{name, !arguments.has("--buffered"), static_cast<unsigned>(arguments.number("--depth", 32)), with};
    const auto seconds = [&](const char* option, double otherwise) {
        return std::chrono::duration_cast<clock_type::duration>(
            std::chrono::duration<double>(arguments.number(option, otherwise)));
    };
    all.run_until(clock_type::now() + seconds("--warm-up", 0.05));
    all.begin_to_count();
    all.run_until(clock_type::now() + seconds("--seconds", 1));
    all.report();
    std::fflush(stdout);
    ::_exit(0);  // what is still under way ends with the process
}
