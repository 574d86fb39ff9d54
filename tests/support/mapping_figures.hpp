// What the kernel says of the memory of this process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace penstock::testing {

/// A figure in kB (smaps in proc(5)) of the mapping that `address` lies in.
inline std::size_t mapping_figure(const void* address, std::string_view name) {
    const auto wanted = reinterpret_cast<std::uintptr_t>(address);
    std::ifstream file("/proc/self/smaps");
    bool inside = false;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::uintptr_t begin = 0;
        std::uintptr_t end = 0;
        char dash = 0;
        if (words >> std::hex >> begin >> dash >> end && dash == '-') {
            inside = begin <= wanted && wanted < end;
        } else if (inside && line.starts_with(name) && line[name.size()] == ':') {
            return std::stoul(line.substr(name.size() + 1));
        }
    }
    throw std::runtime_error("no such mapping, or no such figure: " + std::string(name));
}

}  // namespace penstock::testing
