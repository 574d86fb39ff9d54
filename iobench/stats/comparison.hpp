// Medians, and how far to trust them: the bootstrap, and verdicts that say "tied" when they must.
#pragma once

#include "model/results.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace iobench {

/// A value and the interval that holds it with 95 % confidence.
struct estimate {
    double value = 0;
    double low = 0;
    double high = 0;
};

/// Of a non-empty list. For an even number the mean of the two in the middle.
double median(std::vector<double> values);

/// The median with the percentile bootstrap of it (Efron 1979), 2,000 resamples. Seeded: the same values give the same
/// interval. `values` must not be empty; a single value has itself for an interval.
estimate median_of(const std::vector<double>& values);

/// The ratio of the medians of two lists, neither empty, that were not taken side by side: both are resampled, each by
/// itself. The reference's values must not be 0.
estimate ratio_of_medians(const std::vector<double>& subject, const std::vector<double>& reference);

enum class verdict { faster, tied, slower };  ///< "faster" means better, also where more is better
std::string_view to_string(verdict);

/// A difference smaller than this is a tie, however sure it is: the place of code and data in memory, which changes
/// from one start of a program to the next, makes as much.
constexpr double least_difference = 0.02;

/// What a ratio says: a tie if its interval holds 1 or the difference is smaller than least_difference.
verdict verdict_of(const estimate& ratio, const metric& by);

/// How a contender compares with another. The ratio is that of neighbours in time: of each round both took part in, so
/// that noise which lasts longer than a point's turn in a round cancels out. Below 1 is better if less is better, above
/// 1 if more is.
struct comparison {
    estimate ratio;
    verdict is = verdict::tied;
    std::size_t pairs = 0;
};

/// \return nothing if there are fewer than three rounds in which both gave the metric: that few say nothing.
std::optional<comparison> compare(const series& subject, const series& reference, const metric& by);

/// The series with the best median of the metric among those that have it; null if none has.
const series* best_of(const std::vector<const series*>& among, const metric& by);

}  // namespace iobench
