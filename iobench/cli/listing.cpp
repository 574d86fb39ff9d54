#include "cli/listing.hpp"

#include "cli/say.hpp"
#include "registry.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

namespace iobench {

namespace {

std::string number(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.7g", x);
    return text;
}

/// What --point takes: of a sweep the numbers, else the names.
std::string points_of(const workload& work) {
    const auto all = work.points(scale::full);
    const bool sweep =
        !work.about().axis.empty() && std::ranges::none_of(all, [](const point& at) { return std::isnan(at.x); });
    std::string text;
    for (const point& at : all) {
        if (sweep) {
            text += (text.empty() ? work.about().axis + ": " : ", ") + number(at.x);
        } else {
            text += (text.empty() ? "\"" : "; \"") + at.name + "\"";
        }
    }
    return text;
}

/// A contender has one line, however many workloads it is in.
struct entry {
    contender who;
    std::string in;
};

void list_group(const std::vector<entry>& all, group of, const char* title) {
    say(std::string("\n") + title + "\n");
    std::size_t width = 0;
    for (const entry& one : all) {
        if (one.who.of == of) width = std::max(width, columns_of(one.who.name));
    }
    for (const entry& one : all) {
        if (one.who.of != of) continue;
        const bool here = one.who.unavailable.empty();
        const auto lines = wrapped(here ? one.in : one.who.unavailable, terminal_columns() - width - 6);
        for (std::size_t i = 0; i < lines.size(); ++i) {
            say((i > 0  ? "    "
                 : here ? "  ✓ "
                        : "  ✗ ") +
                padded_right(i > 0 ? "" : one.who.name, width) + "  " + lines[i] + "\n");
        }
    }
}

}  // namespace

int list_all() {
    std::vector<entry> all;
    say("Workloads: iobench run NAME; at some points only: --point POINT\n");
    for (const auto& one : workloads()) {
        const std::string& name = one->about().name;
        say("  " + padded_right(name, 20) + "  " + one->about().title + "\n");
        say(paragraph(points_of(*one), 22));
        for (const contender& who : one->contenders()) {
            auto found = std::ranges::find_if(
                all, [&](const entry& e) { return e.who.name == who.name && e.who.unavailable == who.unavailable; });
            if (found == all.end()) found = all.insert(all.end(), {who, ""});
            found->in += (found->in.empty() ? "" : ", ") + name;
        }
    }
    list_group(all, group::penstock, "Contenders: penstock, by backend or file path");
    list_group(all, group::bare, "Contenders: bare loops, the limit of each mechanism");
    list_group(all, group::peer, "Contenders: peers, what one would otherwise pick");
    return 0;
}

}  // namespace iobench
