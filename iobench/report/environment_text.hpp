// The environment of a run as lines for people.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace iobench {

struct fact {
    std::string name;   ///< "cpu model"
    std::string value;  ///< "Intel(R) Xeon(R) Processor"
};

/// Every value of the environment but its warnings, the most telling ones first. Objects within it give names of
/// several words, lists one value. Keys lose their underscores, and "_bytes" becomes a unit.
std::vector<fact> environment_facts(const nlohmann::json& environment);

/// What is to be kept in mind when reading figures from that machine: the list "warnings".
std::vector<std::string> warnings(const nlohmann::json& environment);

/// One line: "Linux 6.1.0, 2 cores, Intel Xeon, virtual machine". What is unknown is not in it.
std::string machine_line(const nlohmann::json& environment);

/// When it was measured: "2026-03-01 12:30 UTC"; empty if that is unknown.
std::string time_of(const nlohmann::json& environment);

}  // namespace iobench
