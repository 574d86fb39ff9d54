#include "contenders/files/fio.hpp"

#include "process/child.hpp"

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <thread>

namespace iobench {

namespace {

bool is_installed() {
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path != nullptr ? path : "/usr/bin");
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/fio").c_str(), X_OK) == 0) return true;
    }
    return false;
}

/// It waits for each call, so it needs more than one of itself to have more than one under way.
bool is_blocking(std::string_view engine) { return engine == "psync"; }

/// io_uring with its files and buffers registered before: an engine with two options, which here has a name of its own.
constexpr std::string_view registered = "io_uring-registered";

std::string joined(const std::vector<std::string>& paths) {
    std::string all;
    for (const std::string& path : paths) all += (all.empty() ? "" : ":") + path;
    return all;
}

std::string milliseconds(double seconds) { return std::to_string(std::lround(seconds * 1000)) + "ms"; }

/// Its CPU is that of threads which the C library makes for it, of which fio tells nothing.
bool has_helpers(std::string_view engine) { return engine == "posixaio"; }

/// All of its threads are looked at twice on the way.
std::optional<double> cores_in_use(const child& process, const file_job& job) {
    using std::chrono::duration;
    using std::chrono::steady_clock;
    constexpr double start = 0.2;  // seconds that fio takes before it begins
    std::this_thread::sleep_for(duration<double>(start + job.warm_up + job.seconds * 0.1));
    const auto began = steady_clock::now();
    const auto before = process.used();
    std::this_thread::sleep_for(duration<double>(job.seconds * 0.5));
    const auto ended = steady_clock::now();
    const auto after = process.used();
    if (!before || !after || after->cpu_nanoseconds <= before->cpu_nanoseconds) return std::nullopt;
    const auto used = static_cast<double>(after->cpu_nanoseconds - before->cpu_nanoseconds);
    return used / 1e9 / duration<double>(ended - began).count();
}

}  // namespace

std::vector<contender> fio_contenders() {
    const std::string why = is_installed() ? "" : "fio is not installed";
    std::vector<contender> all;
    for (const char* const engine : {"io_uring", "io_uring-registered", "libaio", "psync", "posixaio"}) {
        all.push_back({std::string("fio/") + engine, group::peer, why});
    }
    return all;
}

std::vector<std::string> fio_command(std::string_view engine, const file_job& job) {
    const unsigned workers = is_blocking(engine) ? job.depth : 1;
    // Each of several workers has a part of the file of its own, so that together they visit each block once.
    const std::uint64_t blocks = job.bytes / job.block * job.paths.size() / workers;
    std::vector<std::string> words = {
        "fio",
        "--name=job",
        "--output-format=json",
        "--group_reporting",
        "--invalidate=0",  // whoever starts it has seen to the cache
        "--allow_file_create=0",
        "--lat_percentiles=1",
        "--clat_percentiles=0",
        "--percentile_list=50:99:99.9:99.99",
        "--filename=" + joined(job.paths),
        "--filesize=" + std::to_string(job.bytes),
        "--size=" + std::to_string(blocks * job.block),
        "--ioengine=" + std::string(engine == registered ? "io_uring" : engine),
        std::string("--rw=") + (job.random ? "rand" : "") + (job.write ? "write" : "read"),
        std::string("--direct=") + (job.direct ? "1" : "0"),
        "--bs=" + std::to_string(job.block),
        "--iodepth=" + std::to_string(job.depth),
        "--randseed=" + std::to_string(job.order_seed),
        "--runtime=" + milliseconds(job.seconds),
    };
    if (engine == registered) words.insert(words.end(), {"--fixedbufs", "--registerfiles"});
    if (workers > 1) {
        words.push_back("--numjobs=" + std::to_string(workers));
        words.push_back("--offset_increment=" + std::to_string(blocks * job.block));
    }
    if (!job.one_pass) words.push_back("--time_based");
    if (job.warm_up > 0) words.push_back("--ramp_time=" + milliseconds(job.warm_up));
    return words;
}

std::expected<file_result, std::string> read_fio_report(std::string_view said, bool write) {
    const auto begin = said.find('{');
    const auto report = nlohmann::json::parse(begin == said.npos ? "" : said.substr(begin), nullptr, false);
    try {
        const auto& job = report.at("jobs").at(0);
        const auto& moved = job.at(write ? "write" : "read");
        const double seconds = moved.at("runtime").get<double>() / 1000;
        if (job.at("error") != 0 || moved.at("total_ios") == 0 || seconds == 0) {
            return std::unexpected("fio: error " + job.at("error").dump() + ", " + moved.at("total_ios").dump() +
                                   " operations");
        }
        const double cpu_percent = job.at("usr_cpu").get<double>() + job.at("sys_cpu").get<double>();
        const auto percentile = [&](const char* of) {
            return moved.at("lat_ns").at("percentile").at(of).get<double>() / 1000;
        };
        return file_result{.operations = moved.at("total_ios"),
                           .seconds = seconds,
                           .cpu_seconds = cpu_percent / 100 * job.at("job_runtime").get<double>() / 1000,
                           .switches = job.at("ctx"),
                           .p50_us = percentile("50.000000"),
                           .p99_us = percentile("99.000000"),
                           .p999_us = percentile("99.900000"),
                           .p9999_us = percentile("99.990000")};
    } catch (const nlohmann::json::exception& wrong) {
        return std::unexpected(std::string("fio's report: ") + wrong.what());
    }
}

std::expected<file_result, std::string> run_fio(std::string_view engine, const file_job& job) {
    auto process = child::program(fio_command(engine, job), core::server);
    if (!process) return std::unexpected(process.error());
    const bool helped = has_helpers(engine);
    const auto cores = helped && !job.one_pass ? cores_in_use(*process, job) : std::nullopt;
    std::string said;
    for (;;) {
        const auto line = process->read_line(std::chrono::duration<double>(job.warm_up + job.seconds + 30));
        if (!line) return std::unexpected(line.error());
        said += *line + "\n";
        if (*line == "}") break;  // of the outermost object; those within are indented
    }
    static_cast<void>(process->finish());
    auto taken = read_fio_report(said, job.write);
    if (taken && helped) taken->cpu_seconds = cores ? *cores * taken->seconds : file_result::unknown;
    return taken;
}

}  // namespace iobench
