#include "workloads/files.hpp"

#include "contenders/files/run_file_job.hpp"
#include "contenders/files/storage.hpp"

#include <utility>

namespace iobench {

namespace {

enum class cache { bypassed, hot, cold, appended };

/// What is done at a point: a job without its files.
struct task_at {
    point at;
    scale from = scale::quick;  ///< the smallest scale that it is part of
    cache how = cache::bypassed;
    std::size_t files = 1;
    file_job job = {};
};

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t small_set = 64 * mebibyte;
constexpr std::uint64_t large_set = 256 * mebibyte;
constexpr double start_and_end = 0.1;      // seconds
constexpr double fio_start_and_end = 0.6;  // seconds
constexpr double short_trial = 0.3;        // seconds; up to here the small set is more than a trial can read

std::vector<metric> metrics() {
    return {{"iops", "operations per second", "1/s", false},
            {"cpu_us", "CPU per operation", "µs"},
            {"calls", "system calls per operation", ""},
            {"p50_us", "latency, median", "µs"},
            {"p99_us", "latency, 99th percentile", "µs"},
            {"p999_us", "latency, 99.9th percentile", "µs"},
            {"p9999_us", "latency, 99.99th percentile", "µs"},
            {"switches", "context switches per operation", ""},
            {"mib_s", "throughput", "MiB/s", false}};
}

std::string where() {
    const storage& here = chosen_storage();
    return " Files are made in " + here.directory + " (" + here.file_system + ").";
}

class files_workload : public workload {
  public:
    using takers = std::vector<contender> (*)();

    files_workload(description text, std::vector<task_at> tasks, takers who = file_contender_names)
        : text_(std::move(text)), tasks_(std::move(tasks)), takers_(who) {
        text_.says += where();
        text_.metrics = metrics();
    }

    const description& about() const override { return text_; }

    std::vector<point> points(scale much) const override {
        std::vector<point> all;
        for (const task_at& one : tasks_) {
            if (one.from <= much) all.push_back(one.at);
        }
        return all;
    }

    std::vector<contender> contenders() const override { return takers_(); }

    std::string left_out(const contender& who, const point& at) const override {
        const task_at& work = task_of(at);
        if (work.how != cache::hot) {
            if (std::string why = no_disk(); !why.empty()) return why;
        }
        if (who.name.contains("+iopoll") && work.how != cache::bypassed) return "it takes O_DIRECT";
        if (who.name == "fio/psync" && work.job.depth > 1 && (work.files > 1 || !work.job.random)) {
            return "its processes would each read something else than what the others are given";
        }
        return left_out_at(who, work.job.depth);
    }

    std::chrono::duration<double> besides(const contender& who, const point&) const override {
        return std::chrono::duration<double>(who.of == group::peer ? fio_start_and_end : start_and_end);
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        const task_at& work = task_of(at);
        const std::uint64_t bytes = each.length.count() > short_trial ? large_set : small_set;
        const bool appends = work.how == cache::appended;
        const auto files = data_files::of(work.files, appends ? 0 : bytes / work.files);
        if (!files) return std::unexpected(files.error());
        file_job job = work.job;
        job.paths = (*files)->paths();
        job.bytes = bytes / work.files;
        job.seed = (*files)->seed();
        job.order_seed = ++trials_;
        job.direct = work.how == cache::bypassed;
        job.one_pass = work.how == cache::cold || appends;
        job.warm_up = work.how == cache::cold ? 0 : each.warm_up.count();  // what is warmed up is not cold
        job.seconds = each.length.count();
        const auto done = run_file_job(who, job, [&] { prepare(**files, work.how); });
        if (!done) return std::unexpected(done.error());
        sample taken{{"iops", done->operations / done->seconds},
                     {"p50_us", done->p50_us},
                     {"p99_us", done->p99_us},
                     {"p999_us", done->p999_us},
                     {"p9999_us", done->p9999_us},
                     {"switches", done->switches / done->operations},
                     {"mib_s", done->operations * static_cast<double>(job.block) / done->seconds / mebibyte}};
        if (done->cpu_seconds >= 0) taken["cpu_us"] = done->cpu_seconds / done->operations * 1e6;
        if (done->calls >= 0) taken["calls"] = done->calls / done->operations;
        return taken;
    }

  private:
    static void prepare(const data_files& files, cache how) {
        switch (how) {
            case cache::hot: return files.read_into_cache();
            case cache::appended: return files.make_empty();
            case cache::bypassed:
            case cache::cold: return files.drop_from_cache();
        }
    }

    const task_at& task_of(const point& at) const {
        for (const task_at& one : tasks_) {
            if (one.at.name == at.name) return one;
        }
        return tasks_.front();
    }

    description text_;
    std::vector<task_at> tasks_;
    takers takers_;
    std::uint64_t trials_ = 0;
};

std::vector<task_at> depths(cache how) {
    std::vector<task_at> all;
    for (const auto& [depth, from] :
         {std::pair{1U, scale::survey}, {8U, scale::full}, {32U, scale::quick}, {128U, scale::survey}}) {
        all.push_back({.at = {"queue depth " + std::to_string(depth), static_cast<double>(depth)},
                       .from = from,
                       .how = how,
                       .job = {.depth = depth}});
    }
    return all;
}

std::shared_ptr<workload> random_reads(std::string name, std::string title, std::string says, cache how) {
    return std::make_shared<files_workload>(
        description{.name = std::move(name), .title = std::move(title), .says = std::move(says), .axis = "queue depth"},
        depths(how));
}

}  // namespace

std::shared_ptr<workload> files_random_direct_workload() {
    return random_reads(
        "files-random-direct", "random reads of 4 KiB, O_DIRECT",
        "Blocks of a file in random order, each once per pass, past the page cache: what the disk and the way to it "
        "give. CPU is that of all threads of the process, those that the kernel makes for io_uring included; what the "
        "kernel's own workers do for a disk is not in it.",
        cache::bypassed);
}

std::shared_ptr<workload> files_random_hot_workload() {
    return random_reads(
        "files-random-hot", "random reads of 4 KiB, all of it in the page cache",
        "Blocks of a file in random order, after all of it was read once: no disk takes part, so the figure is the "
        "price of asking. A thread pool pays for the way to the thread and back.",
        cache::hot);
}

std::shared_ptr<workload> files_random_cold_workload() {
    return random_reads(
        "files-random-cold", "random reads of 4 KiB, none of it in the page cache",
        "Blocks of a file in random order, each once, after POSIX_FADV_DONTNEED before each trial; a trial ends when "
        "all were read. With buffered files Linux AIO reads within io_submit, one block after the other.",
        cache::cold);
}

std::shared_ptr<workload> files_sequential_workload() {
    const file_job reads{.random = false, .block = 128 * 1024, .depth = 8};
    return std::make_shared<files_workload>(
        description{.name = "files-sequential",
                    .title = "128 KiB, one behind the other, 8 under way",
                    .says = "A file from its beginning to its end: past the page cache, from it, and into it (dropped "
                            "before each trial by POSIX_FADV_DONTNEED; the kernel reads ahead)."},
        std::vector<task_at>{{.at = {"read, O_DIRECT"}, .how = cache::bypassed, .job = reads},
                             {.at = {"read, cache hot"}, .from = scale::survey, .how = cache::hot, .job = reads},
                             {.at = {"read, cache cold"}, .from = scale::full, .how = cache::cold, .job = reads}});
}

std::shared_ptr<workload> files_many_workload() {
    std::vector<task_at> tasks;
    for (const std::size_t files : {std::size_t{1}, std::size_t{64}}) {
        const std::string count = files == 1 ? "1 file, " : "64 files, ";
        tasks.push_back({.at = {count + "O_DIRECT"},
                         .from = files == 1 ? scale::survey : scale::quick,
                         .how = cache::bypassed,
                         .files = files,
                         .job = {.depth = 32}});
        tasks.push_back({.at = {count + "cache hot"},
                         .from = scale::full,
                         .how = cache::hot,
                         .files = files,
                         .job = {.depth = 32}});
    }
    return std::make_shared<files_workload>(
        description{.name = "files-many",
                    .title = "random reads of 4 KiB from one file and 64",
                    .says = "As many bytes in one file or spread over 64. The C library's POSIX AIO works off one "
                            "request at a time for each descriptor, so it shows what it can do only with many."},
        std::move(tasks));
}

std::shared_ptr<workload> ring_files_workload() {
    const auto reads = [](const char* name, cache how, unsigned depth) {
        return task_at{.at = {name}, .how = how, .job = {.depth = depth}};
    };
    return std::make_shared<files_workload>(
        description{.name = "ring-files",
                    .title = "io_uring's features on files, random reads of 4 KiB",
                    .says = "A plain ring, and the same with registered files, registered buffers, a thread of the "
                            "kernel that polls for requests (SQPOLL, whose CPU is counted), and with completions that "
                            "are polled for (IOPOLL), which takes a disk with poll queues: elsewhere the kernel "
                            "refuses it, or waits for the interrupt while it burns the CPU."},
        std::vector<task_at>{reads("O_DIRECT, 1 under way", cache::bypassed, 1),
                             reads("O_DIRECT, 32 under way", cache::bypassed, 32),
                             reads("cache hot, 32 under way", cache::hot, 32)},
        ring_feature_contender_names);
}

std::shared_ptr<workload> fsync_workload() {
    const auto at_depth = [](unsigned depth, scale from) {
        const std::string name = std::to_string(depth) + (depth == 1 ? " append under way" : " appends under way");
        return task_at{.at = {name, static_cast<double>(depth)},
                       .from = from,
                       .how = cache::appended,
                       .job = {.random = false, .write = true, .sync = true, .depth = depth}};
    };
    return std::make_shared<files_workload>(
        description{.name = "fsync",
                    .title = "append 4 KiB and make it durable",
                    .says =
                        "A write at the end of a file that grows, then fdatasync(2), counted as one operation: what "
                        "a log does. io_uring links the two, native AIO and POSIX AIO submit the second when the "
                        "first has ended. With many under way the file system may commit several at once.",
                    .axis = "appends under way"},
        std::vector<task_at>{at_depth(1, scale::quick), at_depth(16, scale::survey)}, sync_contender_names);
}

}  // namespace iobench
