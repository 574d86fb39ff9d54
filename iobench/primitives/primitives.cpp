#include "primitives/primitives.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

namespace iobench {

namespace {

int play(std::span<const std::string> arguments) {
    if (arguments.size() != 4) return std::fputs("usage: primitive SET NAME SECONDS OF\n", stderr), 2;
    const auto all = arguments[0] == "machine"     ? machine_primitives()
                     : arguments[0] == "readiness" ? readiness_questions()
                                                   : wake_ups();
    const auto chosen = std::ranges::find(all, arguments[1], &primitive::name);
    if (chosen == all.end()) return std::fputs("primitive: no such one here\n", stderr), 2;
    const timing taken = chosen->measure(std::atof(arguments[2].c_str()), std::atoi(arguments[3].c_str()));
    std::puts(nlohmann::json({{"ns", taken.nanoseconds}, {"cpu_ns", taken.cpu_nanoseconds}}).dump().c_str());
    return 0;
}

}  // namespace

std::expected<timing, std::string> measure_primitive(const std::string& set, const std::string& name, double seconds,
                                                     int of, core where) {
    auto process = child::in_role({"primitive", set, name, std::to_string(seconds), std::to_string(of)}, where);
    if (!process) return std::unexpected(process.error());
    const auto said = process->read_line(std::chrono::duration<double>(2 * seconds + 20));
    if (!said) return std::unexpected(said.error());
    const auto taken = nlohmann::json::parse(*said, nullptr, false);
    if (taken.is_discarded()) return std::unexpected("not understood: " + *said);
    return timing{taken.at("ns"), taken.at("cpu_ns")};
}

role primitive_role() { return {"primitive", play}; }

}  // namespace iobench
