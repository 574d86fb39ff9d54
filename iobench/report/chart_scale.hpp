// From values to places on paper.
#pragma once

#include <string>
#include <vector>

namespace iobench {

/// Maps values to coordinates. `to` may be less than `from`: y grows downwards.
struct chart_scale {
    double low = 0;
    double high = 1;  ///< > low
    bool logarithmic = false;
    double from = 0;  ///< where `low` is
    double to = 1;    ///< where `high` is

    double operator()(double value) const;
};

/// Where zero and less go on a logarithmic axis, which has no place for them: as far left of the smallest positive
/// value as that is from four times its size.
double logarithmic_floor(double smallest_positive);

struct tick {
    double value = 0;
    std::string label;
};

/// Round values within [low, high], about `most` of them: 1, 2 or 5 times a power of ten. On a logarithmic scale powers
/// of ten, with 2 and 5 between where there is room. Labels are numbers without a unit.
std::vector<tick> round_ticks(double low, double high, bool logarithmic, int most);

/// A scale that holds all values: linear ones begin at zero, logarithmic ones a little below the least.
/// `values` must hold something positive, and nothing negative.
chart_scale scale_for(const std::vector<double>& values, bool logarithmic);

/// Whether lines are better told apart on a logarithmic axis: the largest positive value is ten times the smallest.
bool wants_logarithm(const std::vector<double>& values);

/// Labels side by side on a line, each with room around it: moved as little as it takes, within [low, high] if they
/// fit. The order of wishes is kept. \return a place for each wish.
std::vector<double> spread(const std::vector<double>& wishes, double room, double low, double high);

}  // namespace iobench
