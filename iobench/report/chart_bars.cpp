#include "report/chart_bars.hpp"

#include "report/chart_parts.hpp"
#include "report/chart_scale.hpp"
#include "report/palette.hpp"
#include "report/quantity.hpp"

#include <algorithm>
#include <cmath>

namespace iobench {

namespace {

struct bar_frame {
    double width, left, right, row, thickness;
};

// On a phone the name stands above its bar.
constexpr bar_frame wide_bars{960, 190, 130, 24, 13};
constexpr bar_frame narrow_bars{340, 4, 108, 34, 10};

double largest(const bar_chart& chart) {
    double most = 0;
    for (const bar& one : chart.bars) most = std::max({most, one.value, one.high});
    return most;
}

std::string whiskers(const bar& one, const chart_scale& x, double y) {
    if (one.high <= one.low) return {};
    const std::string ends = "v-3v6v-3";
    return svg_path("M" + coordinate(x(one.low)) + " " + coordinate(y) + ends + "H" + coordinate(x(one.high)) + ends,
                    "whisker");
}

}  // namespace

std::string draw(const bar_chart& chart, chart_size size) {
    const double most = largest(chart);
    if (most <= 0) return {};
    const bool wide = size == chart_size::wide;
    const bar_frame& f = wide ? wide_bars : narrow_bars;
    const chart_scale x{.low = 0, .high = most, .from = f.left, .to = f.width - f.right};
    const double height = f.row * static_cast<double>(chart.bars.size()) + 8;
    std::string out = svg_open(f.width, height, wide ? "wide" : "narrow", chart.title);
    double y = 4;
    for (const bar& one : chart.bars) {
        const double middle = wide ? y + f.row / 2 : y + f.row - f.thickness / 2 - 4;
        out += "<g class=\"bar " + classes_of(one.who) + (one.level ? " level" : "") + "\">\n";
        out += wide ? svg_text(f.left - 10, middle + 4, one.who.name, align::end, "label")
                    : svg_text(f.left, middle - f.thickness / 2 - 4, one.who.name, align::start, "label");
        const double length = std::max(1.5, x(one.value) - f.left);
        out += "<rect x=\"" + coordinate(f.left) + "\" y=\"" + coordinate(middle - f.thickness / 2) + "\" width=\"" +
               coordinate(length) + "\" height=\"" + coordinate(f.thickness) + "\" rx=\"2\" class=\"fill\"/>\n";
        out += whiskers(one, x, middle);
        out += svg_text(x(std::max(one.value, one.high)) + 8, middle + 4, one.text, align::start, "value") + "</g>\n";
        y += f.row;
    }
    return out + svg_line(f.left, 2, f.left, height - 2, "base") + "</svg>\n";
}

std::string draw_strip(const std::vector<strip_place>& all, const std::string& label) {
    constexpr double width = 300;
    constexpr double height = 46;
    constexpr double line = 20;
    constexpr double farthest = 8;
    constexpr double nearest = 1.6;
    double most = nearest;
    for (const strip_place& one : all) most = std::max(most, std::min(one.times * 1.05, farthest));
    const chart_scale x{.low = 1, .high = most, .logarithmic = true, .from = 10, .to = width - 14};
    std::string out = svg_open(width, height, "strip", label) + svg_line(x.from, line, x.to, line, "base");
    double taken = -1;
    for (const double at : {1., 1.1, 1.2, 1.5, 2., 3., 5., 8.}) {
        if (at > most * 1.001 || x(at) < taken) continue;
        out += svg_line(x(at), line - 4, x(at), line + 4, "base");
        const std::string text = at == 1 ? "best" : axis_label(at, false) + " ×";
        out += svg_text(at == 1 ? x(at) - 6 : x(at), height - 4, text, at == 1 ? align::start : align::middle, "tick");
        taken = x(at) + 38;
    }
    // penstock's lie on top.
    for (const group of : {group::bare, group::peer, group::penstock}) {
        for (const strip_place& one : all) {
            if (one.who.of != of) continue;
            const std::string times = one.times > 1 ? ": " + ratio(one.times) : "";
            out += "<g class=\"dot " + classes_of(one.who) + "\">" +
                   svg_path(marker_path(one.who, x(std::clamp(one.times, 1., most)), line, 5), "marker",
                            one.who.name + times) +
                   "</g>\n";
        }
    }
    return out + "</svg>\n";
}

}  // namespace iobench
