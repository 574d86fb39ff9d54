#include "report/chart_lines.hpp"

#include "report/chart_parts.hpp"
#include "report/chart_scale.hpp"
#include "report/html_text.hpp"
#include "report/palette.hpp"
#include "report/quantity.hpp"

#include <algorithm>
#include <cmath>

namespace iobench {

namespace {

struct frame {
    double width, height, left, right, top, bottom;
    int y_ticks;
};

constexpr frame wide_frame{960, 400, 56, 168, 30, 46, 6};
constexpr frame narrow_frame{340, 230, 44, 12, 28, 42, 5};
constexpr double label_room = 15;
constexpr double whisker = 3;

class lines_drawing {
  public:
    lines_drawing(const line_chart& chart, chart_size size)
        : chart_(chart), size_(size), frame_(size == chart_size::wide ? wide_frame : narrow_frame) {
        std::vector<double> all;
        for (const chart_line& line : chart_.lines) {
            for (const line_place& at : line.places) {
                xs_.push_back(at.x);
                all.push_back(at.y);
                if (!line.muted) all.insert(all.end(), {at.low, at.high});
            }
        }
        std::ranges::sort(xs_);
        xs_.erase(std::ranges::unique(xs_).begin(), xs_.end());
        if (all.empty() || *std::ranges::max_element(all) <= 0) return;
        y_ = scale_for(all, chart_.y_logarithmic);
        y_.from = frame_.height - frame_.bottom;
        y_.to = frame_.top;
        place_x();
        drawable_ = true;
    }

    std::string draw() {
        if (!drawable_) return {};
        std::string out = svg_open(frame_.width, frame_.height, size_ == chart_size::wide ? "wide" : "narrow",
                                   chart_.title + " by " + chart_.x_title);
        out += axes();
        for (const chart_mark& mark : chart_.marks) out += pointer(mark);
        for (const bool muted : {true, false}) {
            for (const chart_line& line : chart_.lines) {
                if (line.muted == muted) out += drawn(line);
            }
        }
        if (size_ == chart_size::wide) out += names();
        return out + "</svg>\n";
    }

  private:
    void place_x() {
        x_ = {.low = xs_.front(), .high = xs_.back(), .logarithmic = chart_.x_logarithmic};
        if (x_.logarithmic) {
            const auto positive = std::ranges::find_if(xs_, [](double x) { return x > 0; });
            if (positive == xs_.end()) {
                x_.logarithmic = false;
            } else if (xs_.front() <= 0) {
                x_.low = logarithmic_floor(*positive);
            }
        }
        if (x_.high <= x_.low) x_.high = x_.low + 1;
        constexpr double aside = 12;  // markers do not lie on the frame
        x_.from = frame_.left + aside;
        x_.to = frame_.width - frame_.right - aside;
    }

    std::string axes() const {
        std::string out = svg_text(frame_.left - 40, 14, chart_.y_title + (y_.logarithmic ? " (logarithmic)" : ""),
                                   align::start, "axis-title");
        const double end = frame_.width - frame_.right;
        for (const tick& one : round_ticks(y_.low, y_.high, y_.logarithmic, frame_.y_ticks)) {
            out += svg_line(frame_.left, y_(one.value), end, y_(one.value), one.value == 0 ? "base" : "grid");
            out += svg_text(frame_.left - 7, y_(one.value) + 4, one.label, align::end, "tick");
        }
        if (y_.logarithmic) out += svg_line(frame_.left, y_.from, end, y_.from, "base");
        double taken = -1000;
        for (const double x : xs_) {
            out += svg_line(x_(x), y_.from, x_(x), y_.from + 4, "base");
            const std::string label = axis_label(x, chart_.x_in_bytes);
            const double half = text_width(label) / 2;
            if (x_(x) - half < taken) continue;
            out += svg_text(x_(x), y_.from + 18, label, align::middle, "tick");
            taken = x_(x) + half + 8;
        }
        return out + svg_text((frame_.left + end) / 2, y_.from + 36, chart_.x_title, align::middle, "axis-title");
    }

    std::string pointer(const chart_mark& mark) const {
        const double x = x_(mark.x);
        std::string out = svg_line(x, frame_.top, x, y_.from, "crossing");
        if (size_ == chart_size::narrow) return out;
        const bool to_the_left = x + text_width(mark.label) > frame_.width - frame_.right;
        return out + svg_text(x + (to_the_left ? -5 : 5), frame_.top + 9, mark.label,
                              to_the_left ? align::end : align::start, "crossing-label");
    }

    std::string drawn(const chart_line& line) const {
        std::string out = "<g class=\"line " + classes_of(line.who) + (line.muted ? " muted" : "") + "\" data-name=\"" +
                          escaped(line.who.name) + "\">\n";
        if (!line.muted) out += band(line);
        std::string path;
        for (const line_place& at : line.places) path += (path.empty() ? "M" : "L") + place(at.x, at.y);
        out += svg_path(path, "stroke", line.who.name);
        const double radius = line.who.of == group::penstock ? 4.2 : 3.6;
        for (const line_place& at : line.places) {
            if (line.muted && line.places.size() > 1) continue;
            out += svg_path(marker_path(line.who, x_(at.x), y_(at.y), radius), "marker", at.tip);
        }
        return out + "</g>\n";
    }

    /// Intervals as whiskers, and between them as a band.
    std::string band(const chart_line& line) const {
        std::string out;
        std::string around;
        for (const line_place& at : line.places) around += (around.empty() ? "M" : "L") + place(at.x, at.high);
        for (auto at = line.places.rbegin(); at != line.places.rend(); ++at) around += "L" + place(at->x, at->low);
        if (line.places.size() > 1) out += svg_path(around + "Z", "band");
        std::string whiskers;
        for (const line_place& at : line.places) {
            if (at.high <= at.low) continue;
            const std::string x = coordinate(x_(at.x));
            whiskers += "M" + place(at.x, at.low) + "V" + coordinate(y_(at.high));
            for (const double y : {y_(at.low), y_(at.high)}) {
                whiskers += "M" + coordinate(x_(at.x) - whisker) + " " + coordinate(y) + "h" + coordinate(2 * whisker);
            }
        }
        return whiskers.empty() ? out : out + svg_path(whiskers, "whisker");
    }

    std::string place(double x, double y) const { return coordinate(x_(x)) + " " + coordinate(y_(y)); }

    /// At the right, beside the ends of their lines.
    std::string names() const {
        std::vector<const chart_line*> named;
        std::vector<double> wishes;
        for (const chart_line& line : chart_.lines) {
            if (line.muted || line.places.empty()) continue;
            named.push_back(&line);
            wishes.push_back(y_(line.places.back().y));
        }
        const auto places = spread(wishes, label_room, frame_.top, y_.from);
        const double x = frame_.width - frame_.right + 14;
        std::string out;
        for (std::size_t i = 0; i < named.size(); ++i) {
            const double end = x_(named[i]->places.back().x) + 7;
            const std::string leader = "M" + coordinate(end) + " " + coordinate(wishes[i]) + "L" + coordinate(x - 4) +
                                       " " + coordinate(places[i]);
            out += "<g class=\"" + classes_of(named[i]->who) + "\">\n" + svg_path(leader, "leader") +
                   svg_text(x, places[i] + 4, named[i]->who.name, align::start, "label") + "</g>\n";
        }
        return out;
    }

    const line_chart& chart_;
    chart_size size_;
    frame frame_;
    chart_scale x_;
    chart_scale y_;
    std::vector<double> xs_;
    bool drawable_ = false;
};

}  // namespace

std::string draw(const line_chart& chart, chart_size size) { return lines_drawing(chart, size).draw(); }

std::string axis_label(double x, bool in_bytes) {
    if (in_bytes) {
        const shown_unit unit = unit_for("bytes", x);
        char text[48];
        std::snprintf(text, sizeof text, "%g %s", x / unit.divisor, unit.name == "bytes" ? "B" : unit.name.c_str());
        return text;
    }
    char text[32];
    std::snprintf(text, sizeof text, "%g", x);
    return x >= 1000 ? plain_number(x) : text;
}

}  // namespace iobench
