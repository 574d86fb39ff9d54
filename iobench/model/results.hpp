// What was measured, and its form in files.
#pragma once

#include "model/workload.hpp"

#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

/// All trials of one contender at one point.
struct series {
    std::string workload;
    point at;
    contender by;
    std::vector<sample> samples = {};   ///< in the order of the rounds
    std::vector<unsigned> rounds = {};  ///< the round of each sample: those of one round are neighbours in time
    /// The values of a metric, without the trials that lack it.
    std::vector<double> values(const std::string& metric) const;
};

struct skipped {
    std::string what;  ///< "echo, 2000 connections, bare/select"
    std::string why;
};

/// Everything that a run gave; what reports, comparisons and recommendations are made from.
struct results {
    nlohmann::json environment = nlohmann::json::object();  ///< see machine/environment.hpp
    std::string command = {};
    double seconds = 0;
    bool complete = true;  ///< false if it was interrupted: it holds what was measured until then
    std::vector<description> workloads = {};
    std::vector<series> measured = {};
    std::vector<skipped> left_out = {};

    const description* find_workload(const std::string& name) const;
    const series* find(const std::string& workload, const std::string& point, const std::string& contender) const;
    /// The series of one workload and point, in the order in which they were first measured.
    std::vector<const series*> at(const std::string& workload, const std::string& point) const;
    /// The points of a workload that were measured, in order.
    std::vector<point> points(const std::string& workload) const;
};

nlohmann::json to_json(const results&);
std::expected<results, std::string> from_json(const nlohmann::json&);

/// Errors name the file.
std::expected<void, std::string> save(const results&, const std::filesystem::path&);
std::expected<results, std::string> load(const std::filesystem::path&);

}  // namespace iobench
