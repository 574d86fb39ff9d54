// What is made of a description of the machine.
#include "machine/disk.hpp"
#include "machine/environment.hpp"

#include <cstdint>
#include <cstdio>

namespace iobench {

namespace {

using nlohmann::json;

/// True of what is neither null nor another value.
bool is(const json& value, const char* text) { return value.is_string() && value.get<std::string>() == text; }

std::string short_number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

}  // namespace

std::vector<std::string> warnings_of(const json& environment) {
    constexpr double busy = 0.5;  // of the load average, per machine
    constexpr std::uint64_t few_descriptors = 20'000;
    std::vector<std::string> all;
    const json& load = environment.value("load", json::array());
    if (!load.empty() && load[0].get<double>() > busy) {
        all.push_back("the machine was busy when it began: load " + short_number(load[0]) +
                      "; figures are noisier than they need be");
    }
    if (environment.value("cores", json::array()).size() < 2) {
        all.emplace_back("one core only: load and server share it, so that rates and latencies are those of both");
    }
    const json& governor = environment.value("governor", json());
    if (governor.is_string() && !is(governor, "performance")) {
        all.push_back("the governor is " + governor.get<std::string>() +
                      ", not performance: the clock changes while it is measured");
    }
    const json& guest = environment.value("virtualisation", json());
    if (guest.is_string() && !is(guest, "none")) {
        all.emplace_back(
            "a virtual machine: its host may take the CPU away, and interrupts and disks cost more than without");
    }
    if (!environment.value("privileged", false)) {
        all.emplace_back("unprivileged: priorities can't be raised and the page cache can't be dropped for all files");
    }
    if (const std::string ring = environment.value("io_uring", "allowed"); ring != "allowed") {
        all.push_back("io_uring can't be used: " + ring);
    }
    const json& limit = environment.value("limits", json::object());
    if (limit.value("descriptors_hard", few_descriptors) < few_descriptors) {
        all.push_back("at most " + std::to_string(limit.value("descriptors_hard", few_descriptors)) +
                      " descriptors: larger numbers of connections are left out (`ulimit -Hn`)");
    }
    for (std::string& one : disk_warnings_of(environment.value("disk", json::object()))) all.push_back(std::move(one));
    return all;
}

std::string summary_of(const json& environment) {
    const auto text = [&](const char* key) {
        const json& value = environment.value(key, json());
        return value.is_string() ? value.get<std::string>() : std::string();
    };
    const auto cores = environment.value("cores", json::array()).size();
    std::string line = "Linux " + text("kernel") + ", " + std::to_string(cores) + (cores == 1 ? " core" : " cores");
    const json& disk = environment.value("disk", json::object());
    const json& file_system = disk.value("file_system", json());
    for (const std::string& part :
         {text("cpu"), is(environment.value("virtualisation", json()), "none") ? "" : text("virtualisation"),
          file_system.is_string() ? "files on " + file_system.get<std::string>() : ""}) {
        if (!part.empty()) line += ", " + part;
    }
    return line;
}

}  // namespace iobench
