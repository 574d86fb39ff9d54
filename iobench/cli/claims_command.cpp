#include "cli/claims_command.hpp"

#include "claims/claims.hpp"
#include "claims/report.hpp"
#include "cli/progress_view.hpp"
#include "cli/say.hpp"
#include "machine/environment.hpp"
#include "method/method.hpp"
#include "process/interrupt.hpp"
#include "registry.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <set>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;

constexpr seconds quick_budget{105};  // `--quick` is to end within two minutes
constexpr seconds usual_budget{300};

/// What all of them need, and no more.
plan plan_for(const std::vector<claim>& all, bool quick) {
    std::set<std::string> works;
    for (const claim& one : all) {
        for (std::string& name : workloads_of(one)) works.insert(std::move(name));
    }
    const auto needed = [&all](const std::string& workload, const point& at, const contender& who) {
        return std::ranges::any_of(all, [&](const claim& one) { return needs(one, workload, at, who); });
    };
    plan made{.needed = needed,
              .much = scale::full,
              .each = {.length = seconds(0.1)},
              .most = {.length = seconds(quick ? 0.3 : 1)},
              .budget = quick ? quick_budget : usual_budget,
              .rounds = quick ? 3U : 5U};
    for (auto& one : workloads()) {
        if (works.contains(one->about().name)) made.workloads.push_back(std::move(one));
    }
    return made;
}

}  // namespace

claims_command::claims_command(CLI::App& program, const char* name, const char* says, const std::vector<claim>& all)
    : name_(name), all_(all), command_(program.add_subcommand(name, says)) {
    command_->add_option("file", input_, "what `run --json` wrote; without it, what they need is measured now");
    command_->add_option("--save", save_, "write every raw sample to this file, as `run --json` does");
    command_->footer(std::string("Examples:\n  iobench ") + name + "\n  iobench " + name + " iobench-report.json");
    command_->add_flag("--json", json_, "print JSON");
    command_->add_flag("--quick", quick_, "measure for less than two minutes");
}

std::expected<results, std::string> claims_command::find_results() const {
    if (!input_.empty()) return load(input_);
    note_interrupts();
    const nlohmann::json environment = describe_environment();
    progress_view view;
    results all = iobench::run(plan_for(all_, quick_), [&](const progress& at) { view.show(at); });
    all.environment = environment;
    all.command = std::string("iobench ") + name_ + (quick_ ? " --quick" : "");
    view.finish();
    if (save_.empty()) return all;
    std::ofstream out(save_);
    out << to_json(all).dump() << "\n";
    out.close();
    if (!out) return std::unexpected(save_ + ": " + std::strerror(errno));
    return all;
}

int claims_command::run() const {
    const auto all = find_results();
    if (!all) {
        std::fprintf(stderr, "iobench: %s\n", all.error().c_str());
        return 2;
    }
    std::vector<finding> findings;
    for (const claim& one : all_) findings.push_back(judge(one, *all));
    const std::string text = json_ ? claims_json(findings).dump(1) + "\n" : claims_text(findings, name_);
    say(text);
    return all->complete ? 0 : 130;
}

}  // namespace iobench
