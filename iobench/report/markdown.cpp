#include "report/markdown.hpp"

#include "report/environment_text.hpp"
#include "report/headline.hpp"
#include "report/quantity.hpp"

#include <algorithm>

namespace iobench {

namespace {

/// What would be a tag, a table's border or emphasis is taken literally.
std::string literal(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n' || c == '\r') {
            out += ' ';
            continue;
        }
        if (std::string_view("\\`*_[]<>|&#~").find(c) != std::string_view::npos) out += '\\';
        out += c;
    }
    return out;
}

/// As code, in which nothing is escaped: only the mark at its end must not be in it.
std::string as_code(std::string text) {
    for (char& c : text) {
        if (c == '`') c = '\'';
        if (c == '\n' || c == '\r') c = ' ';
    }
    return "`" + text + "`";
}

std::string joined(const std::vector<std::string>& names) {
    std::string out;
    for (const std::string& name : names) out += (out.empty() ? "" : ", ") + literal(name);
    return out.empty() ? "–" : out;
}

std::string name_of(const contender& who) {
    return who.of == group::penstock ? "**" + literal(who.name) + "**" : literal(who.name);
}

std::string summary(const std::vector<ranked_workload>& all) {
    std::string out = "| workload | where | best | | tied with it | behind |\n|---|---|---|--:|---|---|\n";
    for (const headline& line : headlines(all)) {
        out += "| " + literal(line.of->about->title) + " | " + literal(line.here.where()) + " | " +
               name_of(line.here.leader) + " | " + line.value + " | " + joined(line.tied) + " | " +
               (line.behind.empty() ? "–" : literal(line.behind)) + " |\n";
    }
    return out;
}

std::string heading_of(const metric& m, const shown_unit& unit) {
    return literal(m.title) + (unit.name.empty() ? "" : ", " + literal(unit.name));
}

/// The unit that suits the values of a metric at one point.
shown_unit unit_at(const ranked_point& here, const metric& m) {
    double most = 0;
    for (const standing& row : here.rows) {
        const auto values = row.of->values(m.name);
        if (!values.empty()) most = std::max(most, median(values));
    }
    return unit_for(m.unit, most);
}

std::string interval(const standing& row) {
    if (!row.to_best) return "";
    char text[64];
    std::snprintf(text, sizeof text, "%.2f – %.2f", row.to_best->ratio.low, row.to_best->ratio.high);
    return text;
}

std::string table(const ranked_workload& work, const ranked_point& here) {
    std::string head = "| contender |";
    std::string rule = "|---|";
    for (const metric& m : work.about->metrics) {
        head += " " + heading_of(m, unit_at(here, m)) + " |";
        rule += "--:|";
    }
    std::string out = head + " to the best | 95 % |\n" + rule + "--:|:-:|\n";
    for (const standing& row : here.rows) {
        out += "| " + name_of(row.who()) + " |";
        for (const metric& m : work.about->metrics) {
            const auto values = row.of->values(m.name);
            const shown_unit unit = unit_at(here, m);
            out += " " + (values.empty() ? "–" : plain_number(median(values) / unit.divisor)) + " |";
        }
        out += " " + relation(row) + " | " + interval(row) + " |\n";
    }
    return out;
}

std::string sweep_table(const ranked_workload& work) {
    std::string out = "| " + heading_of(work.by(), {1, work.by().unit}) + " |";
    std::string rule = "|---|";
    for (const ranked_point& here : work.points) {
        out += " " + literal(here.at.name) + " |";
        rule += "--:|";
    }
    out += "\n" + rule + "\n";
    for (const contender& who : work.contenders()) {
        out += "| " + name_of(who) + " |";
        for (const ranked_point& here : work.points) {
            const standing* const row = here.find(who.name);
            out += " " + (row == nullptr ? "–" : plain_number(row->value.value) + " (" + relation(*row) + ")") + " |";
        }
        out += "\n";
    }
    return out;
}

std::string section(const ranked_workload& work) {
    std::string out = "\n## " + literal(work.about->title) + "\n\n" + literal(work.about->says) + "\n\n";
    if (work.is_sweep()) out += sweep_table(work) + "\n";
    for (const ranked_point& here : work.points) {
        out += "<details><summary>" + literal(here.at.name) + "</summary>\n\n" + table(work, here) + "\n</details>\n\n";
    }
    return out;
}

}  // namespace

std::string markdown_report(const results& all) {
    const auto ranked = rank(all);
    std::string out = "# iobench: I/O models side by side\n\n";
    if (!all.complete) out += "> The run was interrupted: this is what it had measured until then.\n\n";
    for (const std::string& line : warnings(all.environment)) out += "> ⚠ " + literal(line) + "\n>\n";
    out += "\n";
    if (!all.command.empty()) out += as_code(all.command) + ", " + quantity(all.seconds, "s") + "\n\n";
    out += summary(ranked);
    out +=
        "\n*Best*: the best median of the workload's first measure. *Tied*: the 95 % interval of the ratio to the "
        "best, "
        "taken round by round, holds 1. Ratios are to the best.\n";
    for (const ranked_workload& one : ranked) out += section(one);
    const auto facts = environment_facts(all.environment);
    if (!facts.empty()) out += "\n## Machine\n\n| | |\n|---|---|\n";
    for (const fact& one : facts) out += "| " + literal(one.name) + " | " + literal(one.value) + " |\n";
    if (!all.left_out.empty()) out += "\n## Left out\n\n| what | why |\n|---|---|\n";
    for (const skipped& one : all.left_out) out += "| " + literal(one.what) + " | " + literal(one.why) + " |\n";
    return out;
}

}  // namespace iobench
