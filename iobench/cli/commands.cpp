#include "cli/commands.hpp"

#include "cli/claims_command.hpp"
#include "cli/comparing.hpp"
#include "cli/listing.hpp"
#include "cli/measuring.hpp"
#include "cli/recommending.hpp"
#include "cli/report_command.hpp"
#include "registry.hpp"

#include <CLI/CLI.hpp>
#include <cstdio>

namespace iobench {

namespace {

constexpr const char* examples = R"(Examples:
  iobench                                   a survey of this machine, five minutes
  iobench --quick                           the same in two
  iobench list                              what can be measured, and what this machine lacks
  iobench run echo --contender bare,libuv   one workload in detail
  iobench recommend                         which model to pick, by what the survey found
  iobench compare before.json after.json    what has changed)";

constexpr const char* run_examples = R"(Examples:
  iobench run echo
  iobench run echo --point 256 --contender penstock/io_uring,bare/io_uring --rounds 15
  iobench run echo --quick --json echo.json --html echo.html)";

constexpr const char* compare_examples = R"(Example:
  iobench run echo --json before.json
  iobench run echo --json after.json
  iobench compare before.json after.json)";

constexpr const char* recommend_examples = R"(Examples:
  iobench recommend                      by iobench-report.json of this folder
  iobench recommend elsewhere.json)";

void add_measuring(CLI::App& command, wish& wanted) {
    command.add_option("--rounds", wanted.rounds, "trials of each contender at each point")
        ->check(CLI::Range(1, 1000))
        ->capture_default_str();
    command.add_option("--seconds", wanted.seconds, "of load per trial")->check(CLI::Range(0.01, 600.0));
    command.add_option("--budget", wanted.budget, "seconds for all of it; what does not fit is left out")
        ->check(CLI::Range(1.0, 86400.0));
    command.add_option("--seed", wanted.seed, "of the order in which contenders take turns")->capture_default_str();
}

CLI::App* add_run(CLI::App& app, wish& wanted) {
    CLI::App* const runs = app.add_subcommand("run", "measure the workloads that are named");
    std::vector<std::string> names;
    for (const auto& one : workloads()) names.push_back(one->about().name);
    runs->add_option("workload", wanted.workloads, "which; `iobench list` has them")
        ->required()
        ->check(CLI::IsMember(names));
    runs->add_option("--contender", wanted.contenders, "names, or groups: penstock, bare, peer")->delimiter(',');
    runs->add_option("--point", wanted.points, "names of points, or numbers on their axis");  // names have commas, too
    add_measuring(*runs, wanted);
    CLI::Option* const quick = runs->add_flag("--quick", wanted.quick, "few points and short trials");
    runs->add_flag("--full", wanted.full, "every point")->excludes(quick);
    runs->add_option("--json", wanted.json, "write every raw sample to this file (-: standard output)");
    runs->add_option("--html", wanted.html, "write a page with charts to this file");
    runs->add_option("--markdown", wanted.markdown, "write tables to this file");
    runs->footer(run_examples);
    return runs;
}

/// One line, whatever CLI11 has to say.
int complain(const CLI::ParseError& error) {
    std::string said = error.what();
    for (char& c : said) c = c == '\n' ? ' ' : c;
    std::fprintf(stderr, "iobench: %s; see iobench --help\n", said.c_str());
    return 2;
}

std::string as_typed(int count, char** values) {
    std::string text = "iobench";
    for (int i = 1; i < count; ++i) text += std::string(" ") + values[i];
    return text;
}

}  // namespace

int command_line(int count, char** values) {
    CLI::App app("Measures every I/O model of Linux side by side on this machine. Without a command: a survey.",
                 "iobench");
    app.require_subcommand(0, 1);
    app.footer(examples);
    wish wanted{.command = as_typed(count, values)};
    wish surveyed{.command = wanted.command};
    app.add_flag("--quick", surveyed.quick, "two minutes instead of five");
    app.add_option("--out", surveyed.folder, "where the reports go")->capture_default_str();
    add_measuring(app, surveyed);
    const CLI::App* const runs = add_run(app, wanted);
    CLI::App* const lists = app.add_subcommand("list", "what there is, and what this machine lacks");
    lists->footer("Example:\n  iobench list | grep uring");
    CLI::App* const compares = app.add_subcommand("compare", "two runs, figure by figure");
    std::string before;
    std::string after;
    compares->add_option("before", before, "a file of `run --json`, or iobench-report.json")->required();
    compares->add_option("after", after, "another")->required();
    compares->footer(compare_examples);
    CLI::App* const recommends = app.add_subcommand("recommend", "which model to pick, by what was measured");
    std::string measured = "iobench-report.json";
    recommends->add_option("file", measured, "what a survey or `run --json` wrote")->capture_default_str();
    recommends->footer(recommend_examples);
    const report_command reports(app);
    const claims_command said(app, "claims", "what is often said of I/O models, and what this machine shows", claims());
    const claims_command held_to(app, "bounds", "what penstock is held to, and what this machine shows", bounds());
    try {
        app.parse(count, values);
    } catch (const CLI::Success& asked) {
        return app.exit(asked);
    } catch (const CLI::ParseError& error) {
        return complain(error);
    }
    if (runs->parsed()) return run_workloads(wanted);
    if (lists->parsed()) return list_all();
    if (compares->parsed()) return compare_files(before, after);
    if (recommends->parsed()) return recommend_from(measured);
    if (reports.parsed()) return reports.run();
    if (said.parsed()) return said.run();
    if (held_to.parsed()) return held_to.run();
    return survey(surveyed);
}

}  // namespace iobench
