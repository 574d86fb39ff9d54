// Which model to pick, by what was measured and nothing else.
#pragma once

#include "model/results.hpp"
#include "recommend/scenario.hpp"
#include "stats/comparison.hpp"

#include <optional>
#include <string>
#include <vector>

namespace iobench {

enum class confidence {
    high,  ///< the next one is behind, in five rounds or more
    low,   ///< the next one is behind, in three or four rounds
    none,  ///< tied with the next, nobody to compare with, or too few rounds
};
std::string_view to_string(confidence);

/// What to pick for one scenario. Nothing but `missing` if its workloads were not measured.
struct recommendation {
    const scenario* of = nullptr;
    std::string missing = {};   ///< the command that would fill it: "iobench run mixed --contender penstock"
    std::string workload = {};  ///< what it was made from
    std::string point = {};
    std::string model = {};  ///< a backend of penstock: "epoll"
    metric by = {};
    estimate value = {};                    ///< of that metric
    std::vector<std::string> as_good = {};  ///< others that tie with it
    std::string next = {};                  ///< the best of those that don't; empty if all tie
    std::optional<estimate> margin = {};    ///< how many times as much the next one costs; above 1
    confidence sure = confidence::none;
    std::vector<std::string> changes =
        {};                 ///< what would change it: other points where another is better, and what was not measured
    std::string line = {};  ///< of a program with penstock: loop::create({.backend = "epoll"})
};

/// One for each scenario.
std::vector<recommendation> recommend(const results&);

}  // namespace iobench
