#include "machine/disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace iobench {

namespace {

using nlohmann::json;

struct mount {
    std::string file_system;
    std::string device;
};

/// By the device's number in the third field of /proc/self/mountinfo, see proc(5).
mount mount_of(dev_t device) {
    const std::string wanted = std::to_string(major(device)) + ":" + std::to_string(minor(device));
    std::ifstream in("/proc/self/mountinfo");
    for (std::string line; std::getline(in, line);) {
        std::istringstream fields(line);
        std::string skipped;
        std::string number;
        fields >> skipped >> skipped >> number;
        const auto separator = line.find(" - ");
        if (number != wanted || separator == std::string::npos) continue;
        mount found;
        std::istringstream(line.substr(separator + 3)) >> found.file_system >> found.device;
        return found;
    }
    return {};
}

/// A partition has no queue of its own; its disk, the folder above, does.
std::filesystem::path queue_of(dev_t device) {
    const std::filesystem::path block =
        "/sys/dev/block/" + std::to_string(major(device)) + ":" + std::to_string(minor(device));
    std::error_code none;
    const auto real = std::filesystem::canonical(block, none);
    if (none) return {};
    if (std::filesystem::exists(real / "queue", none)) return real / "queue";
    return std::filesystem::exists(real.parent_path() / "queue", none) ? real.parent_path() / "queue"
                                                                       : std::filesystem::path();
}

/// The one in brackets: "none [mq-deadline]".
json chosen_scheduler(const std::filesystem::path& queue) {
    std::ifstream in(queue / "scheduler");
    std::string line;
    std::getline(in, line);
    const auto begin = line.find('[');
    const auto end = line.find(']');
    return begin == std::string::npos || end == std::string::npos ? json()
                                                                  : json(line.substr(begin + 1, end - begin - 1));
}

json rotational(const std::filesystem::path& queue) {
    std::ifstream in(queue / "rotational");
    int flag = 0;
    return in >> flag ? json(flag != 0) : json();
}

/// By trial: a file without a name, which is gone when it is closed.
json can_open_direct(const std::filesystem::path& directory) {
    const int file = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);
    if (file >= 0) return ::close(file) == 0;
    const int plain = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (plain < 0) return {};
    ::close(plain);
    return false;
}

}  // namespace

json describe_disk(const std::filesystem::path& directory) {
    std::error_code none;
    json found = {{"directory", directory.string()},
                  {"file_system", nullptr},
                  {"device", nullptr},
                  {"rotational", nullptr},
                  {"scheduler", nullptr},
                  {"direct", can_open_direct(directory)},
                  {"free_bytes", nullptr}};
    if (const auto space = std::filesystem::space(directory, none); !none) found["free_bytes"] = space.available;
    struct stat about{};
    if (::stat(directory.c_str(), &about) != 0) return found;
    const mount below = mount_of(about.st_dev);
    if (!below.file_system.empty()) found["file_system"] = below.file_system;
    if (!below.device.empty()) found["device"] = below.device;
    if (const auto queue = queue_of(about.st_dev); !queue.empty()) {
        found["rotational"] = rotational(queue);
        found["scheduler"] = chosen_scheduler(queue);
    }
    return found;
}

std::vector<std::string> disk_warnings_of(const json& disk) {
    constexpr std::uint64_t enough = std::uint64_t{2} << 30;
    std::vector<std::string> all;
    const std::string directory = disk.value("directory", "");
    const json& file_system = disk.value("file_system", json());
    if (file_system == "tmpfs" || file_system == "ramfs") {
        all.push_back(directory + " is in memory (" + file_system.get<std::string>() +
                      "): figures of files are not those of a disk; IOBENCH_FILES names another directory");
    }
    if (disk.value("direct", json()) == false) {
        all.push_back("no O_DIRECT on " + directory + ": what needs it is left out");
    }
    if (disk.value("rotational", json()) == true) {
        all.push_back("the disk below " + directory + " says that it rotates: random reads wait for its arm");
    }
    if (const json& left = disk.value("free_bytes", json()); left.is_number() && left.get<std::uint64_t>() < enough) {
        all.push_back("less than 2 GiB are free in " + directory);
    }
    return all;
}

}  // namespace iobench
