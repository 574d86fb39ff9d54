// The disk below a directory.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// directory, file_system, device, rotational, direct, scheduler, free_bytes; null where it can't be found out.
nlohmann::json describe_disk(const std::filesystem::path& directory);

/// What makes figures of files worth less.
std::vector<std::string> disk_warnings_of(const nlohmann::json& disk);

}  // namespace iobench
