#include "cli/claims_command.hpp"

#include "claims/claims.hpp"
#include "claims/report.hpp"
#include "machine/environment.hpp"
#include "method/method.hpp"
#include "process/interrupt.hpp"
#include "registry.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;

constexpr seconds quick_budget{105};  // `--quick` is to end within two minutes
constexpr seconds usual_budget{300};

/// What all claims need, and no more.
plan plan_for_claims(bool quick) {
    std::set<std::string> works;
    std::set<std::string> contenders;
    for (const claim& one : claims()) {
        for (std::string& name : workloads_of(one)) works.insert(std::move(name));
        for (std::string& name : contenders_of(one)) contenders.insert(std::move(name));
    }
    plan made{.contenders = {contenders.begin(), contenders.end()},
              .much = quick ? scale::quick : scale::survey,
              .each = {.length = seconds(0.1)},
              .most = {.length = seconds(quick ? 0.3 : 1)},
              .budget = quick ? quick_budget : usual_budget,
              .rounds = quick ? 3U : 5U};
    for (auto& one : workloads()) {
        if (works.contains(one->about().name)) made.workloads.push_back(std::move(one));
    }
    return made;
}

/// On a terminal one line that changes; elsewhere a line for each workload.
void show(const progress& at) {
    static std::string last;
    if (::isatty(2) != 0) {
        std::fprintf(stderr, "\r\033[K%3.0f %%  %s, %s, %s, %.0f s left", at.done * 100, at.workload.c_str(),
                     at.at.c_str(), at.by.c_str(), at.remaining.count());
    } else if (at.workload != last) {
        std::fprintf(stderr, "%3.0f %%  %s\n", at.done * 100, at.workload.c_str());
    }
    last = at.workload;
    std::fflush(stderr);
}

}  // namespace

claims_command::claims_command(CLI::App& program)
    : command_(program.add_subcommand("claims", "what is often said of I/O models, and what this machine shows")) {
    command_->add_option("file", input_, "what `run --json` wrote; without it, what the claims need is measured now");
    command_->add_flag("--json", json_, "print JSON");
    command_->add_flag("--quick", quick_, "measure for less than two minutes");
}

std::expected<results, std::string> claims_command::find_results() const {
    if (!input_.empty()) return load(input_);
    note_interrupts();
    const nlohmann::json environment = describe_environment();
    results all = iobench::run(plan_for_claims(quick_), show);
    all.environment = environment;
    if (::isatty(2) != 0) std::fputs("\r\033[K", stderr);
    return all;
}

int claims_command::run() const {
    const auto all = find_results();
    if (!all) {
        std::fprintf(stderr, "iobench: %s\n", all.error().c_str());
        return 2;
    }
    std::vector<finding> findings;
    for (const claim& one : claims()) findings.push_back(judge(one, *all));
    const std::string text = json_ ? claims_json(findings).dump(1) + "\n" : claims_text(findings);
    std::fputs(text.c_str(), stdout);
    return all->complete ? 0 : 130;
}

}  // namespace iobench
