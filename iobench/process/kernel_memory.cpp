#include "process/kernel_memory.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace iobench {

namespace {

std::optional<double> by_slabinfo() {
    std::ifstream file("/proc/slabinfo");
    double sum = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        double active = 0;
        double all = 0;
        double size = 0;
        if (words >> name >> active >> all >> size) sum += active * size;  // the two lines of headings don't parse
    }
    return sum > 0 ? std::optional(sum) : std::nullopt;
}

std::optional<double> by_meminfo() {
    std::ifstream file("/proc/meminfo");
    for (std::string line; std::getline(file, line);) {
        std::istringstream words(line);
        std::string name;
        double kibibytes = 0;
        if (words >> name >> kibibytes && name == "Slab:") return kibibytes * 1024;
    }
    return std::nullopt;
}

}  // namespace

kernel_memory read_kernel_memory() { return {by_slabinfo(), by_meminfo()}; }

}  // namespace iobench
