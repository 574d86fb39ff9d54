#include "simulation/summary.hpp"

#include <cstdio>
#include <fstream>

namespace simulated {

namespace {

unsigned long long whole(std::uint64_t n) noexcept { return n; }

}  // namespace

std::string replay_line(std::uint64_t seed, std::string_view mutant) {
    std::string line = "build/release/bin/simulation_tests --seeds " + std::to_string(seed);
    if (mutant != "none") line.append(" --mutant ").append(mutant);
    return line + " --trace";
}

bool read_seeds(const std::string& path, std::vector<std::uint64_t>& into) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        line.resize(std::min(line.find('#'), line.size()));
        if (line.find_first_not_of(" \t") != std::string::npos) into.push_back(std::stoull(line));
    }
    return file.eof();
}

void summary::add(const history_report& report) {
    ++histories_;
    requests_.answered += report.requests.answered;
    requests_.refused += report.requests.refused;
    requests_.failed += report.requests.failed;
    requests_.not_made += report.requests.not_made;
    const penstock::simulation_faults& from = report.machine.injected;
    injected_.short_transfer += from.short_transfer;
    injected_.interrupted += from.interrupted;
    injected_.again += from.again;
    injected_.reset += from.reset;
    injected_.delay += from.delay;
    injected_.reorder += from.reorder;
    injected_.no_space += from.no_space;
    injected_.io_error += from.io_error;
    injected_.too_many_files += from.too_many_files;
}

bool summary::is_time_to_speak() const noexcept { return clock::now() - spoke_ > std::chrono::seconds(5); }

void summary::print_progress(std::size_t of) {
    spoke_ = clock::now();
    std::printf("... %llu of %zu histories in %.0f s\n", whole(histories_), of, seconds());
    std::fflush(stdout);
}

void summary::print(std::size_t failed) const {
    std::printf("requests: %llu answered, %llu refused, %llu failed visibly, %llu not made\n",
                whole(requests_.answered), whole(requests_.refused), whole(requests_.failed),
                whole(requests_.not_made));
    const penstock::simulation_faults& f = injected_;
    std::printf(
        "faults: short_transfer %u, interrupted %u, again %u, reset %u, delay %u, reorder %u, no_space %u, "
        "io_error %u, too_many_files %u\n",
        f.short_transfer, f.interrupted, f.again, f.reset, f.delay, f.reorder, f.no_space, f.io_error,
        f.too_many_files);
    std::printf("histories: %llu played, %llu of them twice, %zu failed, in %.1f s\n", whole(histories_),
                whole(replays_), failed, seconds());
    std::fflush(stdout);
}

}  // namespace simulated
