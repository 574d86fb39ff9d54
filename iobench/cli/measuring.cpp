#include "cli/measuring.hpp"

#include "cli/progress_view.hpp"
#include "cli/say.hpp"
#include "machine/environment.hpp"
#include "method/method.hpp"
#include "process/interrupt.hpp"
#include "recommend/scenario.hpp"
#include "registry.hpp"
#include "report/html.hpp"
#include "report/markdown.hpp"
#include "report/terminal.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;

constexpr seconds survey_budget{285};  // of five minutes: the rest is for the reports
constexpr seconds quick_budget{110};   // of two
constexpr int interrupted_status = 130;
constexpr int misuse_status = 2;
constexpr std::size_t most_reasons = 8;  // why things were left out; the reports have all

constexpr pace quick_trial{.warm_up = seconds(0.04), .length = seconds(0.1)};
constexpr pace survey_trial{.warm_up = seconds(0.06), .length = seconds(0.15)};
constexpr pace long_trial{.warm_up = seconds(0.2), .length = seconds(1)};

bool is_point(const plan& made, const std::string& name) {
    return std::ranges::any_of(made.workloads, [&](const auto& one) {
        return std::ranges::any_of(one->points(scale::full), [&](const point& at) { return is_named(at, name); });
    });
}

/// The names in a list with commas between them. A name that has commas itself is taken for what it is.
std::vector<std::string> points_in(const std::string& list, const plan& made) {
    std::vector<std::string> pieces;
    std::istringstream all(list);
    for (std::string piece; std::getline(all, piece, ',');) pieces.push_back(piece);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < pieces.size();) {
        std::string longest = pieces[i];
        std::size_t next = i + 1;
        std::string joined = pieces[i];
        for (std::size_t end = i + 1; end < pieces.size(); ++end) {
            joined += "," + pieces[end];
            if (!is_point(made, joined)) continue;
            longest = joined;
            next = end + 1;
        }
        names.push_back(longest);
        i = next;
    }
    return names;
}

plan plan_of(const wish& wanted) {
    plan made{.contenders = wanted.contenders,
              .much = wanted.quick  ? scale::quick
                      : wanted.full ? scale::full
                                    : scale::survey,
              .each = wanted.quick ? quick_trial : pace{},
              .most = long_trial,
              .budget = seconds(wanted.budget),
              .rounds = wanted.rounds,
              .seed = wanted.seed};
    if (wanted.seconds > 0) made.each.length = made.most.length = seconds(wanted.seconds);
    made.most.warm_up = std::max(made.most.warm_up, made.each.warm_up);
    for (const auto& one : workloads()) {
        if (wanted.workloads.empty() || std::ranges::count(wanted.workloads, one->about().name) > 0) {
            made.workloads.push_back(one);
        }
    }
    for (const std::string& list : wanted.points) {
        for (std::string& name : points_in(list, made)) made.points.push_back(std::move(name));
    }
    return made;
}

/// When time is short the last go first: what recommendations are made from goes last.
void put_first_what_recommendations_need(plan& made) {
    std::ranges::stable_partition(made.workloads, [](const auto& one) {
        return std::ranges::any_of(scenarios(), [&](const scenario& of) {
            return std::ranges::find(of.by, one->about().name, &evidence::workload) != of.by.end();
        });
    });
}

bool is_recommended_from(const std::string& workload, const point& at) {
    return std::ranges::any_of(scenarios(), [&](const scenario& of) {
        return std::ranges::any_of(of.by, [&](const evidence& one) {
            return one.workload == workload && (one.point.empty() ? one.x == at.x : one.point == at.name);
        });
    });
}

results carry_out(const plan& made, const wish& wanted) {
    note_interrupts();
    const nlohmann::json environment = describe_environment();  // before it makes the machine busy
    progress_view view;
    results all = run(made, [&](const progress& at) { view.show(at); });
    view.finish();
    all.environment = environment;
    all.command = wanted.command;
    return all;
}

bool write(const std::string& path, const std::string& text) {
    if (path == "-") return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    std::ofstream out(path);
    out << text;
    out.close();
    if (out) return true;
    std::fprintf(stderr, "iobench: %s: %s\n", path.c_str(), std::strerror(errno));
    return false;
}

bool write_reports(const results& all, const wish& wanted) {
    bool good = true;
    if (!wanted.json.empty()) good &= write(wanted.json, to_json(all).dump() + "\n");
    if (!wanted.html.empty()) good &= write(wanted.html, html_report(all));
    if (!wanted.markdown.empty()) good &= write(wanted.markdown, markdown_report(all));
    return good;
}

int status_of(const results& all, bool written) {
    if (!all.complete) return interrupted_status;
    return written ? 0 : misuse_status;
}

void say_how_it_went(const results& all) {
    std::size_t trials = 0;
    for (const series& one : all.measured) trials += one.samples.size();
    say((all.complete ? "Measured in " : "Interrupted after ") + clock_text(seconds(all.seconds)) + ": " +
        std::to_string(trials) + " trials. \"As good\" means: no difference that could not be chance.\n\n");
}

/// Before minutes are spent on what can't be kept.
bool can_write_into(const std::string& folder) {
    if (::access(folder.c_str(), W_OK | X_OK) == 0) return true;
    std::fprintf(stderr, "iobench: %s: %s; choose a folder for the reports with --out\n", folder.c_str(),
                 std::strerror(errno));
    return false;
}

/// An empty file at each place, so that a wrong one is told now. A path that is there is left alone.
bool can_write(const wish& wanted) {
    for (const std::string& path : {wanted.json, wanted.html, wanted.markdown}) {
        if (path.empty() || path == "-") continue;
        const std::ofstream out(path, std::ios::app);
        if (out) continue;
        std::fprintf(stderr, "iobench: %s: %s\n", path.c_str(), std::strerror(errno));
        return false;
    }
    return true;
}

/// A name that nothing has would leave out everything, after minutes or at once.
bool all_known(const plan& made) {
    const auto known = [&](const std::string& name) {
        return name == "penstock" || name == "bare" || name == "peer" ||
               std::ranges::any_of(made.workloads, [&](const auto& one) {
                   const auto all = one->contenders();
                   return std::ranges::find(all, name, &contender::name) != all.end();
               });
    };
    const auto complain = [](const char* what, const std::string& name) {
        std::fprintf(stderr, "iobench: no %s '%s' in these workloads; iobench list has them\n", what, name.c_str());
        return false;
    };
    for (const std::string& name : made.contenders) {
        if (!known(name)) return complain("contender", name);
    }
    for (const std::string& name : made.points) {
        if (!is_point(made, name)) return complain("point", name);
    }
    return true;
}

}  // namespace

int survey(const wish& asked) {
    wish wanted = asked;
    if (wanted.budget <= 0) wanted.budget = (wanted.quick ? quick_budget : survey_budget).count();
    if (!can_write_into(wanted.folder)) return misuse_status;
    const std::string base = (wanted.folder == "." ? "" : wanted.folder + "/") + std::string("iobench-report.");
    wanted.json = base + "json";
    wanted.html = base + "html";
    wanted.markdown = base + "md";
    plan made = plan_of(wanted);
    put_first_what_recommendations_need(made);
    made.kept = is_recommended_from;
    if (!wanted.quick && wanted.seconds <= 0) made.each = survey_trial;
    const results all = carry_out(made, wanted);
    const bool colours = ::isatty(1) != 0;
    const bool written = write_reports(all, wanted);
    say(terminal_head(all, colours) + "\n");
    say_how_it_went(all);
    say(terminal_summary(all, colours) + "\n" + terminal_left_out(all, most_reasons) + "\n");
    if (written) {
        say("Charts and tables: " + wanted.html + "\nEvery sample:      " + wanted.json +
            "\nMarkdown:          " + wanted.markdown + "\n");
    }
    return status_of(all, written);
}

int run_workloads(const wish& wanted) {
    const plan made = plan_of(wanted);
    if (!all_known(made) || !can_write(wanted)) return misuse_status;
    const results all = carry_out(made, wanted);
    const bool written = write_reports(all, wanted);
    if (wanted.json != "-" && wanted.html != "-" && wanted.markdown != "-") {
        const bool colours = ::isatty(1) != 0;
        say(terminal_head(all, colours) + "\n" + terminal_tables(all, colours) +
            terminal_left_out(all, static_cast<std::size_t>(-1)));
        if (!all.complete) say("Interrupted: this is what was measured until then.\n");
    }
    return status_of(all, written);
}

}  // namespace iobench
