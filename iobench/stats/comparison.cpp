#include "stats/comparison.hpp"

#include <algorithm>
#include <cstddef>
#include <random>

namespace iobench {

namespace {

constexpr int resamples = 2000;
constexpr double tail = 0.025;
constexpr std::size_t fewest_pairs = 3;

double median_of_resample(const std::vector<double>& values, std::vector<double>& drawn, std::mt19937& source) {
    std::uniform_int_distribution<std::size_t> any(0, values.size() - 1);
    std::ranges::generate(drawn, [&] { return values[any(source)]; });
    return median(drawn);
}

/// The interval between whose ends the middle 95 % of the resampled values lie.
template <typename Resample>
estimate bootstrap(double value, Resample resample) {
    std::vector<double> found(resamples);
    std::ranges::generate(found, resample);
    std::ranges::sort(found);
    const auto at = [&](double share) { return found[static_cast<std::size_t>(share * (resamples - 1))]; };
    return {value, at(tail), at(1 - tail)};
}

}  // namespace

double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::ranges::nth_element(values, middle);
    if (values.size() % 2 == 1) return *middle;
    return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

estimate median_of(const std::vector<double>& values) {
    std::mt19937 source(1);
    std::vector<double> drawn(values.size());
    return bootstrap(median(values), [&] { return median_of_resample(values, drawn, source); });
}

estimate ratio_of_medians(const std::vector<double>& subject, const std::vector<double>& reference) {
    std::mt19937 source(1);
    std::vector<double> drawn(subject.size());
    std::vector<double> others(reference.size());
    return bootstrap(median(subject) / median(reference), [&] {
        return median_of_resample(subject, drawn, source) / median_of_resample(reference, others, source);
    });
}

verdict verdict_of(const estimate& ratio, const metric& by) {
    if (ratio.low > 1 && ratio.value >= 1 + least_difference) {
        return by.less_is_better ? verdict::slower : verdict::faster;
    }
    if (ratio.high < 1 && ratio.value <= 1 / (1 + least_difference)) {
        return by.less_is_better ? verdict::faster : verdict::slower;
    }
    return verdict::tied;
}

std::string_view to_string(verdict v) {
    switch (v) {
        case verdict::faster: return "faster";
        case verdict::tied: return "tied";
        case verdict::slower: return "slower";
    }
    return "";
}

std::optional<comparison> compare(const series& subject, const series& reference, const metric& by) {
    std::map<unsigned, double> beside;
    for (std::size_t i = 0; i < reference.samples.size(); ++i) {
        const auto value = reference.samples[i].find(by.name);
        if (value != reference.samples[i].end() && value->second != 0) beside[reference.rounds[i]] = value->second;
    }
    std::vector<double> ratios;
    for (std::size_t i = 0; i < subject.samples.size(); ++i) {
        const auto value = subject.samples[i].find(by.name);
        const auto other = beside.find(subject.rounds[i]);
        if (value != subject.samples[i].end() && other != beside.end()) ratios.push_back(value->second / other->second);
    }
    if (ratios.size() < fewest_pairs) return std::nullopt;
    const estimate ratio = median_of(ratios);
    return comparison{ratio, verdict_of(ratio, by), ratios.size()};
}

const series* best_of(const std::vector<const series*>& among, const metric& by) {
    const series* best = nullptr;
    double of_best = 0;
    for (const series* const one : among) {
        const auto values = one->values(by.name);
        if (values.empty()) continue;
        const double value = median(values);
        if (best == nullptr || (by.less_is_better ? value < of_best : value > of_best)) {
            best = one;
            of_best = value;
        }
    }
    return best;
}

}  // namespace iobench
