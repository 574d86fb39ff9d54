#include "report/html_charts.hpp"

#include "report/assets.hpp"
#include "report/chart_parts.hpp"
#include "report/chart_scale.hpp"
#include "report/html.hpp"
#include "report/html_text.hpp"
#include "report/palette.hpp"
#include "report/quantity.hpp"

#include <algorithm>
#include <cmath>

namespace iobench {

namespace {

constexpr std::size_t few = 6;        // so many lines can be told apart
constexpr std::size_t most_bars = 4;  // points of a workload without an axis that get a chart each

bool is_latency(const metric& m) {
    return m.unit == "µs" && m.name.starts_with('p') && m.name.size() > 1 && std::isdigit(m.name[1]) != 0;
}

/// Of those that have the metric at a point.
shown_unit unit_over(const ranked_workload& work, const metric& m) {
    double most = 0;
    for (const ranked_point& here : work.points) {
        for (const standing& row : here.rows) {
            if (const auto values = row.of->values(m.name); !values.empty()) most = std::max(most, median(values));
        }
    }
    return unit_for(m.unit, most);
}

std::string title_with(const metric& m, const shown_unit& unit) {
    if (unit.name.empty() || unit.name == "1/s") return m.title;
    return m.title + ", " + unit.name;
}

/// How a contender stands over all points, as a number that is small for good ones.
double overall(const ranked_workload& work, const std::string& name) {
    constexpr double absent = 0.7;  // as if it were twice as bad as the best
    double sum = 0;
    for (const ranked_point& here : work.points) {
        const standing* const row = here.find(name);
        sum += row == nullptr || row->relative <= 0 ? absent : std::abs(std::log(row->relative));
    }
    return sum;
}

std::string tip_of(const contender& who, const point& at, const estimate& value, const metric& m) {
    return who.name + ", " + at.name + ": " + quantity(value.value, m.unit) + " (" + quantity(value.low, m.unit) +
           " to " + quantity(value.high, m.unit) + ")";
}

chart_line line_of(const ranked_workload& work, const contender& who, const metric& m, const shown_unit& unit,
                   bool muted) {
    chart_line line{.who = who, .muted = muted, .places = {}};
    for (const ranked_point& here : work.points) {
        const standing* const row = here.find(who.name);
        if (row == nullptr) continue;
        const auto values = row->of->values(m.name);
        if (values.empty()) continue;
        // The bootstrap is for lines that show it.
        const double middle = median(values);
        const estimate value = muted ? estimate{middle, middle, middle} : median_of(values);
        line.places.push_back({here.at.x, value.value / unit.divisor, value.low / unit.divisor,
                               value.high / unit.divisor, muted ? std::string() : tip_of(who, here.at, value, m)});
    }
    return line;
}

std::string crossing_text(const crossing& one, bool in_bytes) {
    // Two digits: it is read off straight lines between measured points.
    const double power = std::pow(10, std::floor(std::log10(std::max(one.x, 1.))) - 1);
    const double x = one.x < 10 ? one.x : std::round(one.x / power) * power;
    return "≈ " + axis_label(std::round(x * 10) / 10, in_bytes) + ": " + one.before.name + " → " + one.after.name;
}

bool in_bytes(const description& about) { return about.axis.find("bytes") != std::string::npos; }

/// A sample of the line, and the name: what a chart's colours mean, also where there is no room for names in it.
std::string legend(const line_chart& chart) {
    std::string out = "<ul class=\"legend\">\n";
    for (const bool muted : {false, true}) {
        for (const chart_line& line : chart.lines) {
            if (line.muted != muted) continue;
            out += "<li class=\"line " + classes_of(line.who) + (muted ? " muted" : "") + "\" data-name=\"" +
                   escaped(line.who.name) +
                   "\"><svg viewBox=\"0 0 30 12\" width=\"30\" height=\"12\" aria-hidden=\"true\">" +
                   svg_path("M1 6H29", "stroke") + svg_path(marker_path(line.who, 15, 6, 4), "marker") + "</svg>" +
                   escaped(line.who.name) + "</li>\n";
        }
    }
    return out + "</ul>\n";
}

std::string crossing_lines(const ranked_workload& work) {
    std::string out;
    for (const crossing& one : crossings(work)) {
        out += "<p class=\"crossing-text\">Lines of leaders cross at " +
               escaped(crossing_text(one, in_bytes(*work.about))) + ".</p>\n";
    }
    return out;
}

std::string sweeps(const ranked_workload& work) {
    const auto& metrics = work.about->metrics;
    std::string out;
    const auto main = sweep_chart(work, metrics.front());
    if (main) {
        out += "<figure class=\"chart\">\n" + draw(*main, chart_size::wide) + draw(*main, chart_size::narrow) +
               "<figcaption>\n" + crossing_lines(work) + legend(*main) + "</figcaption>\n</figure>\n";
    }
    std::string small;
    for (std::size_t i = 1; i < metrics.size(); ++i) {
        if (const auto chart = sweep_chart(work, metrics[i]))
            small += "<figure>" + draw(*chart, chart_size::narrow) + "</figure>\n";
    }
    return small.empty() ? out : out + "<div class=\"multiples\">\n" + small + "</div>\n";
}

std::string bars(const ranked_workload& work) {
    std::string out;
    std::size_t drawn = 0;
    for (const ranked_point& here : work.points) {
        const auto chart = bars_at(work, here, work.by());
        if (!chart) continue;
        const std::string figure = "<figure class=\"chart\">\n<figcaption class=\"title\">" +
                                   escaped(work.by().title + ", " + here.at.name) + "</figcaption>\n" +
                                   draw(*chart, chart_size::wide) + draw(*chart, chart_size::narrow) + "</figure>\n";
        out += ++drawn <= most_bars
                   ? figure
                   : "<details><summary>Chart: " + escaped(here.at.name) + "</summary>\n" + figure + "</details>\n";
    }
    return out;
}

std::string in_own_file(std::string svg, const std::string& title) {
    if (svg.empty()) return svg;
    const std::string style =
        "<style>\n" + palette_css() + std::string(assets::chart_style) +
        "svg{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}\n</style>\n<title>" + escaped(title) +
        "</title>\n";
    return svg.insert(svg.find('\n') + 1, style);
}

}  // namespace

std::set<std::string> chosen_of(const ranked_workload& work) {
    auto all = work.contenders();
    std::set<std::string> chosen;
    if (all.size() <= few) {
        for (const contender& who : all) chosen.insert(who.name);
        return chosen;
    }
    for (const stretch& one : stretches(work)) {
        if (chosen.size() < few) chosen.insert(one.leader.name);
    }
    std::ranges::stable_sort(all, {}, [&](const contender& who) { return overall(work, who.name); });
    // Two of each group, the first of each before the second of any.
    for (std::size_t turn = 0; turn < 2; ++turn) {
        for (const group of : {group::penstock, group::bare, group::peer}) {
            std::size_t seen = 0;
            for (const contender& who : all) {
                if (who.of == of && seen++ == turn && chosen.size() < few) chosen.insert(who.name);
            }
        }
    }
    return chosen;
}

std::optional<line_chart> sweep_chart(const ranked_workload& work, const metric& m) {
    const description& about = *work.about;
    const shown_unit unit = unit_over(work, m);
    line_chart chart{.title = about.title + ": " + m.title,
                     .x_title = about.axis,
                     .y_title = title_with(m, unit),
                     .x_logarithmic = about.logarithmic,
                     .x_in_bytes = in_bytes(about)};
    const auto chosen = chosen_of(work);
    std::vector<double> values;
    std::size_t longest = 0;
    for (const contender& who : work.contenders()) {
        chart_line line = line_of(work, who, m, unit, !chosen.contains(who.name));
        if (line.places.empty()) continue;
        longest = std::max(longest, line.places.size());
        for (const line_place& at : line.places) values.push_back(at.y);
        chart.lines.push_back(std::move(line));
    }
    if (longest < 2) return std::nullopt;
    chart.y_logarithmic = is_latency(m) || wants_logarithm(values);
    if (&m == &about.metrics.front()) {
        for (const crossing& one : crossings(work)) {
            chart.marks.push_back({one.x, one.y / unit.divisor, crossing_text(one, chart.x_in_bytes)});
        }
    }
    return chart;
}

std::optional<bar_chart> bars_at(const ranked_workload& work, const ranked_point& here, const metric& m) {
    bar_chart chart{.title = work.about->title + ", " + here.at.name + ": " + m.title};
    const bool by_first = &m == &work.by();
    for (const standing& row : here.rows) {
        const auto values = row.of->values(m.name);
        if (values.empty()) continue;
        const estimate value = by_first ? row.value : median_of(values);
        chart.bars.push_back({row.who(), value.value, value.low, value.high,
                              quantity(value.value, m.unit) + (by_first ? " · " + relation(row) : ""),
                              by_first && row.level()});
    }
    if (chart.bars.empty()) return std::nullopt;
    return chart;
}

std::vector<strip_place> strip_of(const ranked_workload& work, const stretch& here) {
    const auto worse = [&](double relative) { return work.by().less_is_better ? relative : 1 / relative; };
    std::vector<strip_place> all = {{here.leader, 1}};
    for (const follower& one : here.others) {
        const double times = one.tied ? 1 : std::sqrt(worse(one.least) * worse(one.most));
        all.push_back({one.who, std::isfinite(times) ? std::max(1., times) : 1});
    }
    return all;
}

std::string charts_part(const ranked_workload& work) { return work.is_sweep() ? sweeps(work) : bars(work); }

std::string svg_chart(const results& all, const std::string& workload) {
    for (const ranked_workload& work : rank(all)) {
        if (work.about->name != workload) continue;
        const std::string title = work.about->title + ": " + work.by().title;
        if (const auto lines = work.is_sweep() ? sweep_chart(work, work.by()) : std::nullopt) {
            return in_own_file(draw(*lines, chart_size::wide), title);
        }
        if (const auto bars = bars_at(work, work.points.back(), work.by())) {
            return in_own_file(draw(*bars, chart_size::wide), title);
        }
    }
    return {};
}

}  // namespace iobench
