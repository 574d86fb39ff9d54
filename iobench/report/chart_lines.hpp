// A sweep as lines.
#pragma once

#include "model/workload.hpp"

#include <string>
#include <vector>

namespace iobench {

struct line_place {
    double x = 0;
    double y = 0;
    double low = 0;  ///< of the interval; the same as y if there is none to be shown
    double high = 0;
    std::string tip = {};  ///< what is said of it when one points at it
};

struct chart_line {
    contender who;
    bool muted = false;  ///< there, but not what the chart is about
    std::vector<line_place> places = {};
};

/// A place of the chart that is pointed at.
struct chart_mark {
    double x = 0;
    double y = 0;
    std::string label;
};

struct line_chart {
    std::string title;
    std::string x_title;
    std::string y_title;
    bool x_logarithmic = false;
    bool y_logarithmic = false;
    bool x_in_bytes = false;  ///< ticks are "64 B", "16 KiB"
    std::vector<chart_line> lines = {};
    std::vector<chart_mark> marks = {};
};

enum class chart_size {
    wide,    ///< for a page: names stand at the ends of the lines
    narrow,  ///< for a phone, and for small ones side by side: names are left to a legend
};

/// An <svg>. Needs the classes of style_of_charts(). Empty if there is nothing positive to show.
std::string draw(const line_chart&, chart_size);

/// Some x as its axis says it: "256", "15,000", "16 KiB".
std::string axis_label(double x, bool in_bytes);

}  // namespace iobench
