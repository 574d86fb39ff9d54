#include "cli/commands.hpp"

#include "cli/claims_command.hpp"
#include "cli/report_command.hpp"
#include "machine/environment.hpp"
#include "method/method.hpp"
#include "process/interrupt.hpp"
#include "registry.hpp"
#include "report/terminal.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

struct options {
    std::vector<std::string> workloads;
    std::vector<std::string> contenders;
    std::string json;
    bool quick = false;
    bool full = false;
    unsigned rounds = 5;
    double seconds = 0;
};

void show(const progress& at) {
    if (::isatty(2) == 0) return;
    std::fprintf(stderr, "\r\033[K%3.0f %%  %s, round %u of %u, %.0f s left", at.done * 100,
                 (at.workload + ", " + at.at + ", " + at.by).c_str(), at.round, at.rounds, at.remaining.count());
    std::fflush(stderr);
}

int measure(const options& wanted) {
    plan made{.contenders = wanted.contenders,
              .much = wanted.quick  ? scale::quick
                      : wanted.full ? scale::full
                                    : scale::survey,
              .rounds = wanted.rounds};
    if (wanted.quick) made.each.length = std::chrono::duration<double>(0.2);
    if (wanted.seconds > 0) made.each.length = std::chrono::duration<double>(wanted.seconds);
    for (const auto& one : workloads()) {
        if (wanted.workloads.empty() || std::ranges::count(wanted.workloads, one->about().name) > 0) {
            made.workloads.push_back(one);
        }
    }
    note_interrupts();
    const nlohmann::json environment = describe_environment();
    results all = run(made, show);
    all.environment = environment;
    if (::isatty(2) != 0) std::fputs("\r\033[K", stderr);
    std::fputs(terminal_tables(all).c_str(), stdout);
    if (!wanted.json.empty()) {
        if (const auto saved = save(all, wanted.json); !saved) {
            std::fprintf(stderr, "iobench: %s\n", saved.error().c_str());
            return 2;
        }
    }
    return all.complete ? 0 : 130;
}

int list() {
    for (const auto& one : workloads()) {
        std::printf("%-12s %s\n", one->about().name.c_str(), one->about().title.c_str());
        for (const contender& who : one->contenders()) {
            std::printf("  %-24s %s\n", who.name.c_str(),
                        who.unavailable.empty() ? "available" : who.unavailable.c_str());
        }
    }
    return 0;
}

}  // namespace

int command_line(int count, char** values) {
    CLI::App app("Measures every I/O model of Linux side by side on this machine.", "iobench");
    app.require_subcommand(1);
    options wanted;
    CLI::App* const runs = app.add_subcommand("run", "measure workloads (all of them, unless some are named)");
    std::vector<std::string> names;
    for (const auto& one : workloads()) names.push_back(one->about().name);
    runs->add_option("workload", wanted.workloads, "which")->check(CLI::IsMember(names));
    runs->add_option("--contender", wanted.contenders, "names, or groups: penstock, bare, peer")->delimiter(',');
    runs->add_option("--json", wanted.json, "write every raw sample to this file");
    runs->add_option("--rounds", wanted.rounds, "trials of each contender at each point")->check(CLI::Range(1, 1000));
    runs->add_option("--seconds", wanted.seconds, "of load per trial")->check(CLI::Range(0.01, 600.0));
    runs->add_flag("--quick", wanted.quick, "few points and short trials");
    runs->add_flag("--full", wanted.full, "every point");
    const CLI::App* const lists = app.add_subcommand("list", "what there is, and what this machine lacks");
    const report_command reports(app);
    const claims_command claims(app);
    try {
        app.parse(count, values);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    if (reports.parsed()) return reports.run();
    if (claims.parsed()) return claims.run();
    return lists->parsed() ? list() : measure(wanted);
}

}  // namespace iobench
