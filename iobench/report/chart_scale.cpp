#include "report/chart_scale.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace iobench {

namespace {

constexpr double nearly = 1e-9;

/// As short as it can be said: "0.05", "20", "5,000", "2M".
std::string tick_label(double value) {
    char text[32];
    if (std::abs(value) >= 1e6) {
        std::snprintf(text, sizeof text, "%gM", value / 1e6);
    } else if (std::abs(value) >= 1e4) {
        std::snprintf(text, sizeof text, "%gk", value / 1e3);
    } else {
        std::snprintf(text, sizeof text, "%g", value + 0.0);  // no minus before a zero
    }
    return text;
}

double round_step(double least) {
    const double power = std::pow(10, std::floor(std::log10(least)));
    for (const double times : {1., 2., 5.}) {
        if (times * power >= least * (1 - nearly)) return times * power;
    }
    return 10 * power;
}

std::vector<tick> linear_ticks(double low, double high, int most) {
    std::vector<tick> made;
    const double step = round_step((high - low) / most);
    for (double n = std::ceil(low / step - nearly); n * step <= high * (1 + nearly); ++n) {
        made.push_back({n * step, tick_label(n * step)});
    }
    return made;
}

std::vector<tick> logarithmic_ticks(double low, double high, int most) {
    for (const auto& per_decade : {std::vector<double>{1, 2, 5}, std::vector<double>{1, 3}, std::vector<double>{1}}) {
        std::vector<tick> made;
        for (double power = std::floor(std::log10(low)); power <= std::ceil(std::log10(high)); ++power) {
            for (const double times : per_decade) {
                const double value = times * std::pow(10, power);
                if (value >= low * (1 - nearly) && value <= high * (1 + nearly))
                    made.push_back({value, tick_label(value)});
            }
        }
        if (made.size() <= static_cast<std::size_t>(most) || per_decade.size() == 1) return made;
    }
    return {};
}

}  // namespace

double chart_scale::operator()(double value) const {
    if (!logarithmic) return from + (value - low) / (high - low) * (to - from);
    const double at = value > 0 ? value : low;
    return from + std::log(at / low) / std::log(high / low) * (to - from);
}

double logarithmic_floor(double smallest_positive) { return smallest_positive / 4; }

std::vector<tick> round_ticks(double low, double high, bool logarithmic, int most) {
    return logarithmic ? logarithmic_ticks(low, high, most) : linear_ticks(low, high, most);
}

chart_scale scale_for(const std::vector<double>& values, bool logarithmic) {
    const double most = *std::ranges::max_element(values);
    if (!logarithmic) return {.low = 0, .high = most * 1.06, .logarithmic = false};
    double least = most;
    for (const double value : values) {
        if (value > 0) least = std::min(least, value);
    }
    return {.low = least / 1.15, .high = most * 1.15, .logarithmic = true};
}

bool wants_logarithm(const std::vector<double>& values) {
    double least = 0;
    double most = 0;
    for (const double value : values) {
        if (value <= 0) return false;
        least = least == 0 ? value : std::min(least, value);
        most = std::max(most, value);
    }
    return least > 0 && most >= 10 * least;
}

std::vector<double> spread(const std::vector<double>& wishes, double room, double low, double high) {
    std::vector<std::size_t> order(wishes.size());
    std::iota(order.begin(), order.end(), 0);
    std::ranges::stable_sort(order, {}, [&](std::size_t i) { return wishes[i]; });
    // Blocks of labels that touch each other: a block lies around the mean of what its labels wish for.
    struct block {
        double sum;  // of wishes, each less its offset in the block
        double count;
        double begin(double gap, double least, double most) const {
            const double length = gap * (count - 1);
            return std::max(least, std::min(sum / count, most - length));
        }
    };
    std::vector<block> blocks;
    for (const std::size_t i : order) {
        blocks.push_back({wishes[i], 1});
        while (blocks.size() > 1) {
            const block& last = blocks.back();
            block& previous = blocks[blocks.size() - 2];
            const double end = previous.begin(room, low, high) + room * previous.count;
            if (end <= last.begin(room, low, high) + nearly) break;
            previous.sum += last.sum - room * previous.count * last.count;
            previous.count += last.count;
            blocks.pop_back();
        }
    }
    std::vector<double> places(wishes.size());
    std::size_t next = 0;
    for (const block& one : blocks) {
        const double begin = one.begin(room, low, high);
        for (double n = 0; n < one.count; ++n) places[order[next++]] = begin + n * room;
    }
    return places;
}

}  // namespace iobench
