// Contenders side by side at one point.
#pragma once

#include "model/workload.hpp"
#include "report/chart_lines.hpp"

#include <string>
#include <vector>

namespace iobench {

struct bar {
    contender who;
    double value = 0;
    double low = 0;
    double high = 0;
    std::string text;    ///< what stands at its end: "4.20 µs · tied"
    bool level = false;  ///< the best, or tied with it
};

struct bar_chart {
    std::string title;  ///< for who can't see it
    std::vector<bar> bars = {};
};

/// An <svg> of horizontal bars from zero, with whiskers for the intervals. Empty if there is nothing positive.
std::string draw(const bar_chart&, chart_size);

/// One contender on a strip.
struct strip_place {
    contender who;
    double times = 1;  ///< how many times worse than the best, at least 1
};

/// An <svg>: the best at the left, the others the farther right the worse they are. What is beyond the end lies at it.
std::string draw_strip(const std::vector<strip_place>&, const std::string& label);

}  // namespace iobench
