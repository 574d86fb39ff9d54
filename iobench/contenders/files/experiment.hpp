// What one process can find out by itself, with files and a clock: small experiments that are no race for operations
// per second.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace iobench {

/// What an experiment is told.
struct experiment_setup {
    std::string contender;
    std::string point;
    std::vector<std::string> paths = {};  ///< files of `bytes` each, which hold what content.hpp says
    std::uint64_t bytes = 0;
    std::uint64_t seed = 1;
    double seconds = 0.5;  ///< at most, about
};

nlohmann::json to_json(const experiment_setup&);

/// An experiment, and who takes part in it. Each is in a file of its own.
struct experiment {
    std::string_view name;
    std::vector<std::string> contenders;
    /// Runs in a process of its own, which it ends by give_up() when something is wrong.
    sample (*run)(const experiment_setup&);
};

experiment submit_blocks_experiment();
experiment buffers_experiment();
experiment prewarm_experiment();

/// `file-experiment NAME JSON`: says what came of it in a line of JSON.
role file_experiment_role();

// --- For experiments ------------------------------------------------------------------------------------------------

/// Seconds of the monotonic clock, and of CPU that all threads of this process have used.
double clock_now() noexcept;
double cpu_now() noexcept;
/// Opens or gives up.
int open_or_give_up(const std::string& path, int flags);
/// Everything of a file that is clean leaves the page cache.
void drop_from_cache(int fd) noexcept;
/// Gives up unless the bytes are those of file number `file` from `offset` on.
void check_bytes(std::span<const std::byte> bytes, const experiment_setup&, std::size_t file, std::uint64_t offset);

}  // namespace iobench
