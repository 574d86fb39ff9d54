#include "cli/recommending.hpp"

#include "cli/say.hpp"
#include "recommend/recommendation.hpp"
#include "report/quantity.hpp"
#include "report/terminal.hpp"
#include "report/text.hpp"

#include <unistd.h>

#include <cstdio>

namespace iobench {

namespace {

/// A name and what is said of it, which may take several lines.
void say_fact(const char* name, const std::string& text) {
    constexpr std::size_t indent = 18;
    const auto lines = wrapped(text, terminal_columns() - indent);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        say("  " + padded_right(i == 0 ? name : "", indent - 2) + lines[i] + "\n");
    }
}

std::string margin_of(const recommendation& one) {
    std::string text;
    if (!one.as_good.empty()) {
        text = "none over ";
        for (std::size_t i = 0; i < one.as_good.size(); ++i) text += (i > 0 ? ", " : "") + one.as_good[i];
        text += ": as good, by what can be told apart";
    }
    if (one.next.empty()) return text.empty() ? "nobody else was measured" : text;
    char ratio[64];
    std::snprintf(ratio, sizeof ratio, "%.2f [%.2f, %.2f]", one.margin->value, one.margin->low, one.margin->high);
    return text + (text.empty() ? "" : "; ") + one.next + " costs " + ratio + " times as much";
}

void show(const recommendation& one, bool colours) {
    say("\n" + shaded(one.of->name, shade::bold, colours) + ": " + one.of->about + "\n");
    if (!one.missing.empty()) {
        say_fact("not measured", "to fill it: " + one.missing + " --json FILE");
        return;
    }
    say("  " + padded_right("pick", 16) + shaded(one.model, shade::green, colours) + "  " + one.line + "\n");
    say_fact("measured",
             one.workload + ", " + one.point + ": " + one.by.title + " " + quantity(one.value.value, one.by.unit));
    say_fact("margin", margin_of(one));
    say_fact("confidence", std::string(to_string(one.sure)));
    std::string changes;
    for (const std::string& change : one.changes) changes += (changes.empty() ? "" : "; ") + change;
    say_fact("would change it", changes);
}

}  // namespace

int recommend_from(const std::string& file) {
    const auto all = load(file);
    if (!all) {
        std::fprintf(stderr, "iobench: %s; `iobench` measures\n", all.error().c_str());
        return 2;
    }
    const bool colours = ::isatty(1) != 0;
    say(terminal_head(*all, colours));
    if (!all->complete) say("The run was interrupted: this is of what it had measured.\n");
    for (const recommendation& one : recommend(*all)) show(one, colours);
    return 0;
}

}  // namespace iobench
