#include "machine/environment.hpp"

#include "machine/backends.hpp"
#include "machine/disk.hpp"
#include "machine/threads.hpp"
#include <penstock/explain.hpp>
#include <penstock/version.hpp>

#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmath>
#include <cstdlib>
#include <ctime>
#include <fstream>

namespace iobench {

namespace {

using nlohmann::json;

json line_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    return std::getline(in, line) ? json(line) : json();
}

json number_of(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::uint64_t number = 0;
    return in >> number ? json(number) : json();
}

/// What follows `key` and a colon in a file of such lines; null if no line has it.
json value_behind(const std::filesystem::path& file, const std::string& key) {
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) {
        const auto colon = line.find(':');
        if (!line.starts_with(key) || colon == std::string::npos) continue;
        const auto begin = line.find_first_not_of(" \t", colon + 1);
        return begin == std::string::npos ? json("") : json(line.substr(begin));
    }
    return {};
}

std::string now() {
    const std::time_t seconds = std::time(nullptr);
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[32];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

json usable_cores() {
    json all = json::array();
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return all;
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (CPU_ISSET(cpu, &allowed)) all.push_back(cpu);
    }
    return all;
}

/// By the flag that a hypervisor sets for its guests, and what the firmware calls itself.
json virtualisation() {
    const json flags = value_behind("/proc/cpuinfo", "flags");
    if (!flags.is_string()) return {};
    if (flags.get<std::string>().find(" hypervisor") == std::string::npos) return "none";
    const json product = line_of("/sys/class/dmi/id/product_name");
    const json vendor = line_of("/sys/class/dmi/id/sys_vendor");
    for (const json& named : {product, vendor}) {
        if (named.is_string() && !named.get<std::string>().empty())
            return "virtual machine (" + named.get<std::string>() + ")";
    }
    return "virtual machine";
}

json mitigations() {
    json all = json::object();
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator("/sys/devices/system/cpu/vulnerabilities", none)) {
        all[file.path().filename().string()] = line_of(file.path());
    }
    return all;
}

json soft_limit(__rlimit_resource which) {
    rlimit limit{};
    if (::getrlimit(which, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return {};
    return limit.rlim_cur;
}

json limits() {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    const thread_limit threads = most_threads();
    return {{"descriptors", descriptors.rlim_cur},
            {"descriptors_hard", descriptors.rlim_max},
            {"threads", threads.count},
            {"threads_by", threads.by},
            {"memlock_bytes", soft_limit(RLIMIT_MEMLOCK)},
            {"signals_pending", soft_limit(RLIMIT_SIGPENDING)},
            {"aio_max_nr", number_of("/proc/sys/fs/aio-max-nr")},
            {"aio_nr", number_of("/proc/sys/fs/aio-nr")}};
}

/// The library tries each mechanism for real.
std::string io_uring_state() {
    for (const auto& one : surveyed_backends()) {
        if (one.name == "io_uring") return one.works ? "allowed" : one.why_not;
    }
    return "unknown";
}

json load_averages() {
    double load[3] = {};
    if (::getloadavg(load, 3) != 3) return json::array();
    for (double& one : load) one = std::round(one * 100) / 100;
    return {load[0], load[1], load[2]};
}

}  // namespace

std::filesystem::path files_directory() {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets variables here
    if (const char* const chosen = std::getenv("IOBENCH_FILES"); chosen != nullptr && *chosen != '\0') return chosen;
    std::error_code none;
    for (const std::filesystem::path& one : {std::filesystem::current_path(none), std::filesystem::path("/var/tmp")}) {
        if (!one.empty() && ::access(one.c_str(), W_OK) == 0) return one;
    }
    return "/tmp";
}

json describe_environment(const std::filesystem::path& files) {
    utsname names{};
    ::uname(&names);
    json found = {{"taken_at", now()},
                  {"version", std::string(penstock::version())},
                  {"compiler", __VERSION__},
                  {"kernel", names.release},
                  {"architecture", names.machine},
                  {"cpu", value_behind("/proc/cpuinfo", "model name")},
                  {"cores", usable_cores()},
                  {"memory_bytes", static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                                       static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))},
                  {"virtualisation", virtualisation()},
                  {"governor", line_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
                  {"mitigations", mitigations()},
                  {"io_uring", io_uring_state()},
                  {"privileged", ::geteuid() == 0},
                  {"disk", describe_disk(files)},
                  {"limits", limits()},
                  {"load", load_averages()}};
    found["summary"] = summary_of(found);
    found["warnings"] = warnings_of(found);
    return found;
}

}  // namespace iobench
