#include "contenders/files/experiment.hpp"

#include "contenders/files/content.hpp"
#include "contenders/files/file_work.hpp"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

namespace iobench {

namespace {

double seconds_of(::clockid_t clock) noexcept {
    ::timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

experiment_setup setup_from(const nlohmann::json& from) {
    try {
        return {.contender = from.at("contender"),
                .point = from.at("point"),
                .paths = from.at("paths"),
                .bytes = from.at("bytes"),
                .seed = from.at("seed"),
                .seconds = from.at("seconds")};
    } catch (const nlohmann::json::exception& wrong) {
        give_up(wrong.what());
    }
}

int run(std::span<const std::string> arguments) {
    if (arguments.size() != 2) give_up("file-experiment: a name and a setup");
    const auto setup = setup_from(nlohmann::json::parse(arguments[1], nullptr, false));
    for (const experiment& one : {submit_blocks_experiment(), buffers_experiment(), prewarm_experiment()}) {
        if (one.name != arguments[0]) continue;
        std::puts(nlohmann::json(one.run(setup)).dump().c_str());
        return 0;
    }
    give_up("file-experiment: there is no " + arguments[0]);
}

}  // namespace

nlohmann::json to_json(const experiment_setup& setup) {
    return {{"contender", setup.contender}, {"point", setup.point}, {"paths", setup.paths},
            {"bytes", setup.bytes},         {"seed", setup.seed},   {"seconds", setup.seconds}};
}

double clock_now() noexcept { return seconds_of(CLOCK_MONOTONIC); }
double cpu_now() noexcept { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

int open_or_give_up(const std::string& path, int flags) {
    const int fd = ::open(path.c_str(), flags | O_CLOEXEC);
    if (fd < 0) give_up(path, errno);
    return fd;
}

void drop_from_cache(int fd) noexcept { ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

void check_bytes(std::span<const std::byte> bytes, const experiment_setup& setup, std::size_t file,
                 std::uint64_t offset) {
    if (!marked_right(bytes, setup.seed, file, offset)) give_up(setup.paths[file] + ": wrong bytes");
}

role file_experiment_role() { return {"file-experiment", run}; }

}  // namespace iobench
