// The work on files that contenders are given, and what it gave.
#pragma once

#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// What to read or write, the same for all: penstock, bare calls and fio.
struct file_job {
    std::vector<std::string> paths = {};  ///< files of `bytes` each, which hold what content.hpp says
    std::uint64_t bytes = 0;              ///< of each file; a multiple of `block`
    std::uint64_t seed = 1;               ///< of the files' content
    std::uint64_t order_seed = 1;         ///< of the order in which blocks are visited
    bool random = true;                   ///< else from the beginning to the end, file after file
    bool write = false;
    bool sync = false;         ///< fdatasync(2) after each write; both together are one operation
    bool direct = false;       ///< O_DIRECT
    std::size_t block = 4096;  ///< bytes per operation, a multiple of a page
    unsigned depth = 1;        ///< operations under way at once
    bool one_pass = false;  ///< ends when each block was visited once, or when time is over; else goes round and round
    double warm_up = 0;     ///< seconds before anything counts
    double seconds = 0.5;   ///< that count
};

nlohmann::json to_json(const file_job&);
/// Errors: what is missing or out of bounds, in one line.
std::expected<file_job, std::string> file_job_from(const nlohmann::json&);

/// What came of it while it counted.
struct file_result {
    static constexpr double unknown = -1;  ///< for a figure that could not be taken
    double operations = 0;
    double seconds = 0;
    double cpu_seconds = 0;  ///< of all threads, also those that the kernel makes for io_uring; not of its own workers
    double switches = 0;     ///< context switches of those threads
    double p50_us = 0;
    double p99_us = 0;
    double p999_us = 0;
    double p9999_us = 0;
    double calls = unknown;  ///< system calls, of all threads
};

nlohmann::json to_json(const file_result&);
std::expected<file_result, std::string> file_result_from(const nlohmann::json&);

}  // namespace iobench
