#include "load/echo_load.hpp"

#include "../bench/load/echo_load.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

namespace iobench {

namespace {

int generate(std::span<const std::string> arguments) {
    std::vector<std::string> words = {"echo-load"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> values;
    for (std::string& word : words) values.push_back(word.data());
    return bench::echo_load_main(static_cast<int>(values.size()), values.data());
}

}  // namespace

std::expected<echo_load, std::string> echo_load::open(const echo_job& job) {
    std::vector<std::string> words = {"echo-load", "--connect", job.address, "--gated"};
    const auto add = [&](const char* option, const std::string& value) { words.insert(words.end(), {option, value}); };
    add("--connections", std::to_string(job.connections));
    add("--size", std::to_string(job.message_size));
    add("--seconds", std::to_string(job.seconds));
    if (job.depth > 1) add("--depth", std::to_string(job.depth));
    if (job.warm_up > 0) add("--warm-up", std::to_string(job.warm_up));
    if (job.rate > 0) add("--rate", std::to_string(job.rate));
    auto process = child::in_role(words, core::load);
    if (!process) return std::unexpected(process.error());
    if (const auto said = process->read_line(); !said) return std::unexpected(said.error());
    return echo_load(std::move(*process), job.seconds);
}

std::expected<echo_result, std::string> echo_load::run() {
    if (const auto told = process_.tell("go"); !told) return std::unexpected(told.error());
    const auto said = process_.read_line(std::chrono::duration<double>(seconds_ + 30));
    if (!said) return std::unexpected(said.error());
    const auto result = nlohmann::json::parse(*said, nullptr, false);
    if (result.is_discarded() || result.value("errors", 1) != 0 || result.value("messages", 0) == 0) {
        return std::unexpected("the load went wrong: " + *said);
    }
    return echo_result{.messages = result["messages"],
                       .seconds = result["seconds"],
                       .p50_us = result["p50_us"],
                       .p90_us = result["p90_us"],
                       .p99_us = result["p99_us"],
                       .p999_us = result["p999_us"],
                       .p9999_us = result["p9999_us"],
                       .unsent = result["unsent"]};
}

std::expected<child, std::string> open_idle_connections(const std::string& address, std::size_t count) {
    auto process = child::in_role({"echo-load", "--connect", address, "--idle", std::to_string(count)}, core::load);
    if (!process) return process;
    const auto said = process->read_line(std::chrono::seconds(120));
    if (!said) return std::unexpected(said.error());
    return process;
}

role echo_load_role() { return {"echo-load", generate}; }

}  // namespace iobench
