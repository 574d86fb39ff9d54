#include "compare/runs.hpp"

#include <algorithm>

namespace iobench {

namespace {

constexpr std::size_t fewest_samples = 3;

std::string name_of(const series& one) { return one.workload + ", " + one.at.name + ", " + one.by.name; }

std::string shown(const nlohmann::json& value) { return value.is_string() ? value.get<std::string>() : value.dump(); }

std::vector<std::string> differing_machines(const nlohmann::json& before, const nlohmann::json& after) {
    std::vector<std::string> all;
    for (const char* key : {"kernel", "cpu", "cores", "memory_bytes", "virtualisation", "governor", "mitigations",
                            "io_uring", "privileged", "compiler"}) {
        const nlohmann::json was = before.value(key, nlohmann::json());
        const nlohmann::json is = after.value(key, nlohmann::json());
        if (was == is) continue;
        const bool long_ones = was.is_object() || is.is_object();
        all.push_back(std::string(key) + (long_ones ? " differ" : ": " + shown(was) + ", then " + shown(is)));
    }
    return all;
}

std::vector<std::string> missing_in(const results& other, const results& all) {
    std::vector<std::string> names;
    for (const series& one : all.measured) {
        if (other.find(one.workload, one.at.name, one.by.name) == nullptr) names.push_back(name_of(one));
    }
    return names;
}

}  // namespace

difference compare_runs(const results& before, const results& after) {
    difference found{.only_before = missing_in(after, before),
                     .only_after = missing_in(before, after),
                     .machines = differing_machines(before.environment, after.environment)};
    for (const series& was : before.measured) {
        const series* const is = after.find(was.workload, was.at.name, was.by.name);
        const description* const about = before.find_workload(was.workload);
        if (is == nullptr || about == nullptr || about->metrics.empty()) continue;
        const metric& by = about->metrics.front();
        const auto old_values = was.values(by.name);
        const auto new_values = is->values(by.name);
        if (old_values.size() < fewest_samples || new_values.size() < fewest_samples) continue;
        if (std::ranges::find(old_values, 0.0) != old_values.end()) continue;  // no ratio to nothing
        const estimate ratio = ratio_of_medians(new_values, old_values);
        found.changes.push_back({was.workload, was.at.name, was.by.name, by, median(old_values), median(new_values),
                                 ratio, verdict_of(ratio, by)});
    }
    return found;
}

}  // namespace iobench
