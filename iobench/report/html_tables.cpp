#include "report/html_parts.hpp"
#include "report/html_text.hpp"
#include "report/quantity.hpp"

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

std::string unit_tag(const shown_unit& unit) {
    if (unit.name.empty()) return {};
    return " <span class=\"unit\">" + escaped(unit.name == "1/s" ? "/s" : unit.name) + "</span>";
}

std::string relation_class(const standing& row) { return row.best ? "is-best" : row.level() ? "is-tied" : "is-behind"; }

std::string relation_tag(const standing& row) {
    return "<span class=\"rel " + relation_class(row) + "\">" + escaped(relation(row)) + "</span>";
}

/// The unit that suits the values of a metric, so that a column has one.
shown_unit unit_of_column(const ranked_point& here, const metric& m) {
    double most = 0;
    for (const standing& row : here.rows) {
        if (const auto values = row.of->values(m.name); !values.empty()) most = std::max(most, median(values));
    }
    return unit_for(m.unit, most);
}

std::string interval(const standing& row) {
    if (!row.to_best) return {};
    char text[64];
    std::snprintf(text, sizeof text, "%.2f – %.2f", row.to_best->ratio.low, row.to_best->ratio.high);
    return text;
}

std::string row_head(const contender& who) {
    return "<tr class=\"of-" + std::string(anchor(title_of(who.of))) + "\"><th scope=\"row\">" + name_tag(who) +
           "</th>";
}

std::string cell(const std::vector<double>& values, const shown_unit& unit) {
    return "<td>" + (values.empty() ? "–" : plain_number(median(values) / unit.divisor)) + "</td>";
}

std::string scrolling(const std::string& table, const std::string& what) {
    // With a name and a place in the order of focus, the box can be scrolled by keys, too.
    return "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"" + escaped(what) + "\">\n" + table +
           "</div>\n";
}

}  // namespace

std::string sweep_table(const ranked_workload& work) {
    double most = 0;
    for (const ranked_point& here : work.points) {
        for (const standing& row : here.rows) most = std::max(most, row.value.value);
    }
    const shown_unit unit = unit_for(work.by().unit, most);
    std::string out = "<table>\n<thead><tr><th scope=\"col\">" + escaped(work.by().title) + unit_tag(unit) + "</th>";
    for (const ranked_point& here : work.points) out += "<th scope=\"col\">" + escaped(here.at.name) + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    for (const contender& who : work.contenders()) {
        out += row_head(who);
        for (const ranked_point& here : work.points) {
            const standing* const row = here.find(who.name);
            out += row == nullptr
                       ? "<td>–</td>"
                       : "<td>" + plain_number(row->value.value / unit.divisor) + " " + relation_tag(*row) + "</td>";
        }
        out += "</tr>\n";
    }
    return scrolling(out + "</tbody>\n</table>\n", work.about->title);
}

std::string point_table(const ranked_workload& work, const ranked_point& here) {
    const auto& metrics = work.about->metrics;
    std::string out =
        "<table>\n<thead><tr><th scope=\"col\">contender</th><th scope=\"col\">to the best</th>"
        "<th scope=\"col\">95 %</th>";
    std::vector<shown_unit> units;
    for (const metric& m : metrics) {
        units.push_back(unit_of_column(here, m));
        out += "<th scope=\"col\">" + escaped(m.title) + unit_tag(units.back()) + "</th>";
    }
    out += "</tr></thead>\n<tbody>\n";
    for (const standing& row : here.rows) {
        out +=
            row_head(row.who()) + "<td>" + relation_tag(row) + "</td><td class=\"interval\">" + interval(row) + "</td>";
        for (std::size_t i = 0; i < metrics.size(); ++i) out += cell(row.of->values(metrics[i].name), units[i]);
        out += "</tr>\n";
    }
    for (const series* const one : here.without) {
        out += row_head(one->by) + "<td>–</td><td></td>";
        for (std::size_t i = 0; i < metrics.size(); ++i) out += cell(one->values(metrics[i].name), units[i]);
        out += "</tr>\n";
    }
    return scrolling(out + "</tbody>\n</table>\n", work.about->title + ", " + here.at.name);
}

}  // namespace iobench
