#include "report/ranking.hpp"

#include "report/quantity.hpp"

#include <algorithm>
#include <tuple>

namespace iobench {

namespace {

standing stand(const series& one, const series& best, const metric& by) {
    standing made{.of = &one, .value = median_of(one.values(by.name)), .best = &one == &best};
    if (made.best) return made;
    made.to_best = compare(one, best, by);
    const double of_best = median(best.values(by.name));
    made.relative = made.to_best ? made.to_best->ratio.value : of_best == 0 ? 1 : made.value.value / of_best;
    return made;
}

ranked_point rank_point(const results& all, const description& about, const point& at) {
    ranked_point made{.at = at};
    const auto here = all.at(about.name, at.name);
    const metric& by = about.metrics.front();
    const series* const best = best_of(here, by);
    for (const series* const one : here) {
        if (one->values(by.name).empty()) {
            made.without.push_back(one);
        } else {
            made.rows.push_back(stand(*one, *best, by));
        }
    }
    std::ranges::stable_sort(made.rows, [&](const standing& a, const standing& b) {
        if (a.best != b.best) return a.best;
        return by.less_is_better ? a.value.value < b.value.value : a.value.value > b.value.value;
    });
    return made;
}

}  // namespace

const standing* ranked_point::find(const std::string& contender) const {
    const auto found = std::ranges::find(rows, contender, [](const standing& row) { return row.who().name; });
    return found == rows.end() ? nullptr : &*found;
}

bool ranked_workload::is_sweep() const {
    return !about->axis.empty() && points.size() > 1 &&
           std::ranges::none_of(points, [](const ranked_point& one) { return std::isnan(one.at.x); });
}

std::vector<contender> ranked_workload::contenders() const {
    std::vector<contender> all;
    for (const ranked_point& one : points) {
        for (const standing& row : one.rows) {
            if (std::ranges::find(all, row.who().name, &contender::name) == all.end()) all.push_back(row.who());
        }
    }
    std::ranges::sort(all, {}, [](const contender& who) { return std::tuple(who.of, who.name); });
    return all;
}

std::vector<ranked_workload> rank(const results& all) {
    std::vector<ranked_workload> made;
    for (const description& about : all.workloads) {
        if (about.metrics.empty()) continue;
        ranked_workload one{.about = &about};
        for (const point& at : all.points(about.name)) one.points.push_back(rank_point(all, about, at));
        if (one.points.empty()) continue;
        if (one.is_sweep()) {
            std::ranges::stable_sort(one.points, {}, [](const ranked_point& here) { return here.at.x; });
        }
        made.push_back(std::move(one));
    }
    return made;
}

std::string relation(const standing& row) {
    if (row.best) return "best";
    if (row.level()) return "tied";
    return ratio(row.relative) + (row.to_best ? "" : " ?");
}

const char* title_of(group of) {
    switch (of) {
        case group::penstock: return "penstock";
        case group::bare: return "bare loop";
        case group::peer: return "peer";
    }
    return "";
}

}  // namespace iobench
