// Who is how far behind whom: what all reports are made from.
#pragma once

#include "model/results.hpp"
#include "stats/comparison.hpp"

#include <optional>
#include <string>
#include <vector>

namespace iobench {

/// A contender at a point, beside the best one there.
struct standing {
    const series* of = nullptr;
    estimate value;                          ///< of the metric
    double relative = 1;                     ///< to the best; of neighbouring rounds if there are enough
    std::optional<comparison> to_best = {};  ///< nothing for the best itself, and where rounds are too few
    bool best = false;

    const contender& who() const { return of->by; }
    /// As good as the best one: it is the best, or does not differ in a way that could not be chance.
    bool level() const { return best || (to_best && to_best->is != verdict::slower); }
};

/// A point with those that have the workload's first metric there, best first.
struct ranked_point {
    point at;
    std::vector<standing> rows = {};
    std::vector<const series*> without = {};  ///< they were measured, but lack the metric

    const standing* find(const std::string& contender) const;
};

/// A workload by its first metric.
struct ranked_workload {
    const description* about = nullptr;
    std::vector<ranked_point> points = {};  ///< by x if there is an axis, else in the order of measuring

    const metric& by() const { return about->metrics.front(); }
    bool is_sweep() const;  ///< there is an axis, and more than one place on it
    /// Everybody who stands somewhere: by group, and by name therein.
    std::vector<contender> contenders() const;
};

/// Of every workload of which something was measured. The results must live on.
std::vector<ranked_workload> rank(const results&);

/// How it compares with the best one, in words: "best", "tied", "1.08 ×"; "1.08 × ?" where rounds are too few to say.
std::string relation(const standing&);

const char* title_of(group);  ///< "penstock", "bare loop", "peer"

}  // namespace iobench
