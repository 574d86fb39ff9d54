// The words around the tables: what a newcomer reads first.
#include "report/environment_text.hpp"
#include "report/headline.hpp"
#include "report/quantity.hpp"
#include "report/terminal.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

std::string listed(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return text;
}

std::string sentence_of(const headline& line) {
    std::string text = line.here.where() + ": " + line.here.leader.name + " is best, " + line.value;
    if (!line.tied.empty()) text += "; as good, by what can be told apart: " + listed(line.tied);
    if (!line.behind.empty()) text += "; behind: " + line.behind;
    if (!line.of_penstock.empty() && line.of_penstock.find(" tied") == std::string::npos) {
        text += "; of penstock's the best is " + line.of_penstock;
    }
    return text + ".";
}

bool is_alone(const ranked_workload& work) {
    return std::ranges::all_of(work.points, [](const ranked_point& at) { return at.rows.size() == 1; });
}

/// Of a workload in which nobody competes: what each point gave.
std::string figures_of(const ranked_workload& work) {
    std::string text;
    for (const ranked_point& at : work.points) {
        text += (text.empty() ? "" : "; ") + at.at.name + " " + quantity(at.rows.front().value.value, work.by().unit);
    }
    return text + ".";
}

struct shared_reason {
    std::string why;
    std::vector<std::string> what;
};

std::vector<shared_reason> by_reason(const std::vector<skipped>& all) {
    std::vector<shared_reason> made;
    for (const skipped& one : all) {
        // "no time for it in 120 seconds; `iobench run echo` measures it" ends differently for each workload
        const std::string why = one.why.starts_with("no time") ? one.why.substr(0, one.why.find(';')) : one.why;
        auto found = std::ranges::find(made, why, &shared_reason::why);
        if (found == made.end()) found = made.insert(made.end(), {why, {}});
        found->what.push_back(one.what);
    }
    return made;
}

}  // namespace

std::string terminal_head(const results& all, bool colours) {
    std::string text;
    if (const std::string line = all.environment.value("summary", ""); !line.empty()) text += line + "\n";
    for (const std::string& one : warnings(all.environment)) {
        bool first = true;
        for (const std::string& line : wrapped(one, terminal_columns() - 4)) {
            text += (first ? shaded("  ! ", shade::yellow, colours) : "    ") + line + "\n";
            first = false;
        }
    }
    return text;
}

std::string terminal_left_out(const results& all, std::size_t most_reasons) {
    constexpr std::size_t most_names = 4;
    const auto reasons = by_reason(all.left_out);
    if (reasons.empty()) return {};
    std::string text = "Left out\n";
    for (std::size_t i = 0; i < std::min(reasons.size(), most_reasons); ++i) {
        std::vector<std::string> shown = reasons[i].what;
        const std::size_t more = shown.size() > most_names ? shown.size() - most_names : 0;
        shown.resize(shown.size() - more);
        std::string names;
        for (const std::string& one : shown) names += (names.empty() ? "" : "; ") + one;
        if (more > 0) names += "; and " + std::to_string(more) + " more";
        text += paragraph(names + ": " + reasons[i].why, 2);
    }
    if (reasons.size() > most_reasons) {
        text += "  and " + std::to_string(reasons.size() - most_reasons) + " more reasons: see the report\n";
    }
    return text;
}

std::string terminal_summary(const results& all, bool colours) {
    const auto ranked = rank(all);
    const auto lines = headlines(ranked);
    std::string text;
    const ranked_workload* shown = nullptr;
    for (const headline& line : lines) {
        if (line.of != shown) {
            shown = line.of;
            text += (text.empty() ? "" : "\n") + shaded(line.of->about->title, shade::bold, colours) + "  " +
                    shaded("by " + line.of->by().title + ", " + (line.of->by().less_is_better ? "less" : "more") +
                               " is better",
                           shade::dim, colours) +
                    "\n";
        }
        if (!is_alone(*line.of)) {
            text += paragraph(sentence_of(line), 2);
        } else if (line.here.points.front() == &line.of->points.front()) {
            text += paragraph(figures_of(*line.of), 2);
        }
    }
    return text;
}

}  // namespace iobench
