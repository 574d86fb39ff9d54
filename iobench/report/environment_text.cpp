#include "report/environment_text.hpp"

#include "report/quantity.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace iobench {

namespace {

using nlohmann::json;

constexpr std::string_view bytes_suffix = "_bytes";

std::string in_words(std::string key) {
    if (key.ends_with(bytes_suffix)) key.resize(key.size() - bytes_suffix.size());
    std::ranges::replace(key, '_', ' ');
    return key;
}

std::string text_of(const std::string& key, const json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_number() && key.ends_with(bytes_suffix)) return quantity(value.get<double>(), "bytes");
    if (value.is_number_float()) return plain_number(value.get<double>());
    if (value.is_number()) return value.dump();
    if (value.is_null()) return "unknown or unlimited";
    std::string all;
    for (const auto& [name, one] : value.items()) {
        all += (all.empty() ? "" : ", ") + (value.is_object() ? in_words(name) + " " : "") + text_of(name, one);
    }
    return all;
}

void add(std::vector<fact>& to, const std::string& name, const std::string& key, const json& value) {
    if (!value.is_object()) {
        to.push_back({name, text_of(key, value)});
        return;
    }
    for (const auto& [inner, one] : value.items()) add(to, name + ": " + in_words(inner), inner, one);
}

/// The text at a key; empty if there is none.
std::string text_at(const json& environment, const char* key) {
    if (!environment.is_object()) return {};
    const auto found = environment.find(key);
    return found != environment.end() && found->is_string() ? found->get<std::string>() : std::string();
}

constexpr std::array<std::string_view, 7> first_keys = {"kernel",       "cpu",  "cores",   "virtualisation",
                                                        "memory_bytes", "disk", "io_uring"};

}  // namespace

std::vector<fact> environment_facts(const json& environment) {
    std::vector<fact> all;
    if (!environment.is_object()) return all;
    for (const std::string_view key : first_keys) {
        const auto found = environment.find(key);
        if (found != environment.end()) add(all, in_words(std::string(key)), std::string(key), *found);
    }
    for (const auto& [key, value] : environment.items()) {
        if (key != "warnings" && std::ranges::count(first_keys, key) == 0) add(all, in_words(key), key, value);
    }
    return all;
}

std::vector<std::string> warnings(const json& environment) {
    std::vector<std::string> all;
    if (!environment.is_object() || !environment.contains("warnings")) return all;
    for (const auto& one : environment["warnings"]) all.push_back(text_of("", one));
    return all;
}

std::string machine_line(const json& environment) {
    std::string line = "Linux";
    if (const std::string kernel = text_at(environment, "kernel"); !kernel.empty()) line += " " + kernel;
    if (environment.is_object() && environment.contains("cores") && environment["cores"].is_array()) {
        const auto count = environment["cores"].size();
        line += ", " + std::to_string(count) + (count == 1 ? " core" : " cores");
    }
    if (const std::string cpu = text_at(environment, "cpu"); !cpu.empty()) line += ", " + cpu;
    const std::string guest = text_at(environment, "virtualisation");
    return guest.empty() || guest == "none" ? line : line + ", " + guest;
}

std::string time_of(const json& environment) {
    const std::string text = text_at(environment, "taken_at");  // 2026-03-01T12:30:00Z
    constexpr std::size_t to_minutes = 16;
    if (text.size() < to_minutes || text[10] != 'T') return text;
    return text.substr(0, 10) + " " + text.substr(11, 5) + " UTC";
}

}  // namespace iobench
