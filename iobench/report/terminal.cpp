#include "report/terminal.hpp"

#include "report/quantity.hpp"
#include "report/ranking.hpp"
#include "report/text.hpp"

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

constexpr std::size_t gap = 2;
constexpr std::size_t widest_heading = 12;
constexpr std::size_t relation_columns = 27;  // "  1.08 [1.03, 1.12] slower"

/// A metric as a column: its heading in lines, and a cell per row.
struct column {
    std::vector<std::string> heading;
    std::vector<std::string> cells;
    std::size_t width = 0;
};

column column_of(const metric& m, const ranked_point& here) {
    double most = 0;
    for (const standing& row : here.rows) {
        const auto values = row.of->values(m.name);
        if (!values.empty()) most = std::max(most, std::abs(median(values)));
    }
    const shown_unit unit = unit_for(m.unit, most);
    column made{.heading = wrapped(m.title, widest_heading), .cells = {}};
    made.heading.push_back(unit.name);
    for (const standing& row : here.rows) {
        const auto values = row.of->values(m.name);
        made.cells.push_back(values.empty() ? "–" : plain_number(median(values) / unit.divisor));
    }
    for (const auto* const lines : {&made.heading, &made.cells}) {
        for (const std::string& line : *lines) made.width = std::max(made.width, columns_of(line));
    }
    return made;
}

/// As many metrics, in their order, as there is room for; one that is empty for all takes none.
std::vector<column> columns_for(const ranked_workload& work, const ranked_point& here, std::size_t room) {
    std::vector<column> all;
    for (const metric& m : work.about->metrics) {
        const bool there =
            std::ranges::any_of(here.rows, [&](const standing& row) { return !row.of->values(m.name).empty(); });
        if (!there) continue;
        column one = column_of(m, here);
        if (!all.empty() && one.width + gap > room) break;  // what they are compared by there is always
        room -= std::min(room, one.width + gap);
        all.push_back(std::move(one));
    }
    return all;
}

std::string headings(const std::vector<column>& all, std::size_t first) {
    std::size_t height = 1;
    for (const column& one : all) height = std::max(height, one.heading.size());
    std::string text;
    for (std::size_t line = 0; line < height; ++line) {
        text += std::string(first, ' ');
        for (const column& one : all) {
            const std::size_t above = height - one.heading.size();
            text += padded_left(line < above ? "" : one.heading[line - above], one.width + gap);
        }
        text += line + 1 == height ? "  to the best\n" : "\n";
    }
    return text;
}

std::string beside_the_best(const standing& row, bool colours) {
    if (row.best) return shaded("best", shade::green, colours);
    char text[64];
    if (!row.to_best) {
        std::snprintf(text, sizeof text, "%.2f  too few rounds to say", row.relative);
        return text;
    }
    const estimate& at = row.to_best->ratio;
    std::snprintf(text, sizeof text, "%.2f [%.2f, %.2f] ", at.value, at.low, at.high);
    return text + shaded(to_string(row.to_best->is), row.level() ? shade::green : shade::plain, colours);
}

std::string table(const ranked_workload& work, const ranked_point& here, bool colours) {
    std::size_t first = 0;
    for (const standing& row : here.rows) first = std::max(first, columns_of(row.who().name) + gap);
    const std::size_t taken = first + relation_columns;
    const auto columns = columns_for(work, here, terminal_columns() - std::min(taken, terminal_columns()));
    std::string text =
        shaded(work.about->title + ", " + here.at.name, shade::bold, colours) + "\n" + headings(columns, first);
    for (std::size_t i = 0; i < here.rows.size(); ++i) {
        text += gap == 0 ? "" : std::string(gap, ' ');
        text += padded_right(here.rows[i].who().name, first - gap);
        for (const column& one : columns) text += padded_left(one.cells[i], one.width + gap);
        text += "  " + beside_the_best(here.rows[i], colours) + "\n";
    }
    return text + "\n";
}

}  // namespace

std::string terminal_tables(const results& all, bool colours) {
    std::string text;
    for (const ranked_workload& work : rank(all)) {
        for (const ranked_point& here : work.points) {
            if (!here.rows.empty()) text += table(work, here, colours);
        }
    }
    return text;
}

}  // namespace iobench
