// The machine that is measured on: without it a figure can't be compared with another.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// Where workloads of files make their files: $IOBENCH_FILES, else the current directory, /var/tmp or /tmp, the first
/// that this user may write to.
std::filesystem::path files_directory();

/// What is known of the machine, for results::environment. A string or number that can't be found out is null.
///
/// taken_at (UTC), version, compiler, kernel, cpu, cores (those this process may use), memory_bytes, virtualisation
/// ("kvm", "none"), governor, mitigations {name: state}, io_uring ("allowed", or why not), privileged (bool), disk
/// {directory, file_system, device, rotational (bool), direct (bool: O_DIRECT can be opened), scheduler, free_bytes},
/// limits {descriptors, descriptors_hard, threads, threads_by (which limit it is), memlock_bytes (null: unlimited),
/// signals_pending, aio_max_nr, aio_nr}, load [1, 5 and 15 minutes], summary and warnings (see below)
nlohmann::json describe_environment(const std::filesystem::path& files = files_directory());

/// What makes the figures worth less, in plain words; of what describe_environment() gives.
std::vector<std::string> warnings_of(const nlohmann::json& environment);

/// One line for a reader: "Linux 6.1.0, 2 cores, Intel Xeon, kvm, ext4".
std::string summary_of(const nlohmann::json& environment);

}  // namespace iobench
