#include "report/terminal.hpp"

#include "stats/comparison.hpp"

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value >= 10000 ? "%.0f" : "%.3g", value);
    return text;
}

std::string row(const series& one, const series& best, const description& about) {
    char line[256];
    const metric& by = about.metrics.front();
    const auto beside = &one == &best ? std::nullopt : compare(one, best, by);
    std::snprintf(line, sizeof line, "  %-24s", one.by.name.c_str());
    std::string text = line;
    for (const metric& m : about.metrics) {
        const auto values = one.values(m.name);
        std::snprintf(line, sizeof line, " %12s", values.empty() ? "-" : number(median(values)).c_str());
        text += line;
    }
    if (beside) {
        std::snprintf(line, sizeof line, "  %.2f [%.2f, %.2f] %s", beside->ratio.value, beside->ratio.low,
                      beside->ratio.high, std::string(to_string(beside->is)).c_str());
        text += line;
    } else if (&one == &best) {
        text += "  best";
    }
    return text + "\n";
}

std::string table(const results& all, const description& about, const point& at) {
    auto rows = all.at(about.name, at.name);
    const metric& by = about.metrics.front();
    const series* const best = best_of(rows, by);
    if (best == nullptr) return {};
    const auto rank = [&](const series* one) {
        const auto values = one->values(by.name);
        return values.empty() ? 1e300 : median(values) * (by.less_is_better ? 1 : -1);
    };
    std::ranges::stable_sort(rows, {}, rank);
    char line[128];
    std::string text = about.title + ", " + at.name + "\n";
    std::snprintf(line, sizeof line, "  %-24s", "");
    text += line;
    for (const metric& m : about.metrics) {
        std::snprintf(line, sizeof line, " %12s", m.name.c_str());
        text += line;
    }
    text += "  to the best\n";
    for (const series* const one : rows) text += row(*one, *best, about);
    return text + "\n";
}

}  // namespace

std::string terminal_tables(const results& all) {
    std::string text;
    for (const description& about : all.workloads) {
        for (const point& at : all.points(about.name)) text += table(all, about, at);
    }
    if (!all.left_out.empty()) text += "left out\n";
    for (const skipped& one : all.left_out) text += "  " + one.what + ": " + one.why + "\n";
    return text;
}

}  // namespace iobench
