#include "model/results.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

namespace iobench {

namespace {

constexpr int format_version = 1;
constexpr const char* group_names[] = {"penstock", "bare", "peer"};

group group_of(const std::string& name) {
    const auto* const found = std::ranges::find(group_names, name);
    return found == std::end(group_names) ? group::peer : static_cast<group>(found - std::begin(group_names));
}

nlohmann::json describe(const description& about) {
    auto metrics = nlohmann::json::array();
    for (const metric& m : about.metrics) {
        metrics.push_back(
            {{"name", m.name}, {"title", m.title}, {"unit", m.unit}, {"less_is_better", m.less_is_better}});
    }
    return {{"name", about.name},
            {"title", about.title},
            {"says", about.says},
            {"axis", about.axis},
            {"logarithmic", about.logarithmic},
            {"metrics", metrics}};
}

description read_description(const nlohmann::json& from) {
    description about{from.at("name"), from.at("title"), from.at("says"), from.at("axis"), from.at("logarithmic")};
    for (const auto& m : from.at("metrics")) {
        about.metrics.push_back({m.at("name"), m.at("title"), m.at("unit"), m.at("less_is_better")});
    }
    return about;
}

/// Six digits are more than any trial is good for, and half the size of what a double may have.
std::vector<sample> rounded(const std::vector<sample>& samples) {
    std::vector<sample> all = samples;
    for (sample& one : all) {
        for (auto& [name, value] : one) {
            char text[32];
            std::snprintf(text, sizeof text, "%.6g", value);
            value = std::strtod(text, nullptr);
        }
    }
    return all;
}

nlohmann::json describe(const series& s) {
    return {{"workload", s.workload},
            {"point", s.at.name},
            {"x", std::isnan(s.at.x) ? nlohmann::json() : nlohmann::json(s.at.x)},
            {"contender", s.by.name},
            {"group", group_names[static_cast<int>(s.by.of)]},
            {"samples", rounded(s.samples)},
            {"rounds", s.rounds}};
}

series read_series(const nlohmann::json& from) {
    const auto& x = from.at("x");
    return {.workload = from.at("workload"),
            .at = {from.at("point"), x.is_null() ? std::numeric_limits<double>::quiet_NaN() : x.get<double>()},
            .by = {from.at("contender"), group_of(from.at("group"))},
            .samples = from.at("samples").get<std::vector<sample>>(),
            .rounds = from.at("rounds").get<std::vector<unsigned>>()};
}

}  // namespace

std::vector<double> series::values(const std::string& metric) const {
    std::vector<double> found;
    for (const sample& one : samples) {
        if (const auto value = one.find(metric); value != one.end()) found.push_back(value->second);
    }
    return found;
}

const description* results::find_workload(const std::string& name) const {
    const auto found = std::ranges::find(workloads, name, &description::name);
    return found == workloads.end() ? nullptr : &*found;
}

const series* results::find(const std::string& workload, const std::string& point, const std::string& contender) const {
    const auto found = std::ranges::find_if(measured, [&](const series& s) {
        return s.workload == workload && s.at.name == point && s.by.name == contender;
    });
    return found == measured.end() ? nullptr : &*found;
}

std::vector<const series*> results::at(const std::string& workload, const std::string& point) const {
    std::vector<const series*> found;
    for (const series& s : measured) {
        if (s.workload == workload && s.at.name == point) found.push_back(&s);
    }
    return found;
}

std::vector<point> results::points(const std::string& workload) const {
    std::vector<point> found;
    for (const series& s : measured) {
        if (s.workload == workload && std::ranges::find(found, s.at.name, &point::name) == found.end()) {
            found.push_back(s.at);
        }
    }
    return found;
}

nlohmann::json to_json(const results& all) {
    nlohmann::json into = {{"iobench", format_version},
                           {"environment", all.environment},
                           {"command", all.command},
                           {"seconds", all.seconds},
                           {"complete", all.complete},
                           {"workloads", nlohmann::json::array()},
                           {"measured", nlohmann::json::array()},
                           {"left_out", nlohmann::json::array()}};
    for (const description& about : all.workloads) into["workloads"].push_back(describe(about));
    for (const series& s : all.measured) into["measured"].push_back(describe(s));
    for (const skipped& s : all.left_out) into["left_out"].push_back({{"what", s.what}, {"why", s.why}});
    return into;
}

std::expected<results, std::string> from_json(const nlohmann::json& from) {
    try {
        if (const int version = from.at("iobench"); version != format_version) {
            return std::unexpected("it is of version " + std::to_string(version) +
                                   " of the format, and this program reads " + std::to_string(format_version));
        }
        results all{.environment = from.at("environment"),
                    .command = from.at("command"),
                    .seconds = from.at("seconds"),
                    .complete = from.at("complete")};
        for (const auto& one : from.at("workloads")) all.workloads.push_back(read_description(one));
        for (const auto& one : from.at("measured")) all.measured.push_back(read_series(one));
        for (const auto& one : from.at("left_out")) all.left_out.push_back({one.at("what"), one.at("why")});
        return all;
    } catch (const nlohmann::json::exception& error) {
        return std::unexpected(std::string("it is not a result of iobench: ") + error.what());
    }
}

std::expected<void, std::string> save(const results& all, const std::filesystem::path& path) {
    std::ofstream out(path);
    out << to_json(all).dump(1) << '\n';
    out.close();
    if (!out) return std::unexpected(path.string() + ": " + std::strerror(errno));
    return {};
}

std::expected<results, std::string> load(const std::filesystem::path& path) {
    std::ifstream in(path);
    if (!in) return std::unexpected(path.string() + ": " + std::strerror(errno));
    const auto content = nlohmann::json::parse(in, nullptr, false);
    if (content.is_discarded()) return std::unexpected(path.string() + ": it is not JSON");
    auto all = from_json(content);
    if (!all) return std::unexpected(path.string() + ": " + all.error());
    return all;
}

}  // namespace iobench
