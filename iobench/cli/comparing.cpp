#include "cli/comparing.hpp"

#include "cli/say.hpp"
#include "compare/runs.hpp"
#include "report/quantity.hpp"
#include "report/text.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

std::string interval(const estimate& of) {
    char text[64];
    std::snprintf(text, sizeof text, "%.2f [%.2f, %.2f]", of.value, of.low, of.high);
    return text;
}

/// For people "better" says it without asking which way the metric goes.
std::string word_for(verdict is, bool colours) {
    switch (is) {
        case verdict::faster: return shaded("better", shade::green, colours);
        case verdict::slower: return shaded("worse", shade::yellow, colours);
        case verdict::tied: return shaded("tied", shade::dim, colours);
    }
    return {};
}

void show_changes(const std::vector<change>& all, bool colours) {
    std::size_t width = 0;
    for (const change& one : all) width = std::max(width, columns_of(one.contender));
    std::string heading;
    for (const change& one : all) {
        const std::string here = one.workload + ", " + one.point + ": " + one.by.title;
        if (here != heading) {
            heading = here;
            say("\n" + shaded(heading, shade::bold, colours) + "\n");
        }
        const shown_unit unit = unit_for(one.by.unit, std::max(one.before, one.after));
        say("  " + padded_right(one.contender, width) +
            padded_left(with_unit(plain_number(one.before / unit.divisor), unit.name), 14) + " → " +
            padded_right(with_unit(plain_number(one.after / unit.divisor), unit.name), 12) + "  " +
            padded_right(interval(one.ratio), 22) + word_for(one.is, colours) + "\n");
    }
}

void show_missing(const char* title, const std::vector<std::string>& names) {
    if (names.empty()) return;
    say(std::string("\n") + title + "\n");
    for (const std::string& one : names) say("  " + one + "\n");
}

}  // namespace

int compare_files(const std::string& before, const std::string& after) {
    const auto was = load(before);
    const auto is = load(after);
    for (const auto* const one : {&was, &is}) {
        if (*one) continue;
        std::fprintf(stderr, "iobench: %s\n", one->error().c_str());
        return 2;
    }
    const bool colours = ::isatty(1) != 0;
    const difference found = compare_runs(*was, *is);
    if (!found.machines.empty()) {
        say("The machines differ, so a change may be theirs:\n");
        for (const std::string& line : found.machines) say(paragraph(line, 2));
    }
    for (const results* const one : {&*was, &*is}) {
        if (!one->complete) say("A run was interrupted: " + (one == &*was ? before : after) + "\n");
    }
    show_changes(found.changes, colours);
    std::size_t better = 0;
    std::size_t worse = 0;
    for (const change& one : found.changes) {
        better += one.is == verdict::faster;
        worse += one.is == verdict::slower;
    }
    show_missing("only in the first", found.only_before);
    show_missing("only in the second", found.only_after);
    say("\n" + std::to_string(better) + " better, " + std::to_string(worse) + " worse, " +
        std::to_string(found.changes.size() - better - worse) +
        " tied. The ratio is second / first, with the interval of 95 %.\n");
    return 0;
}

}  // namespace iobench
