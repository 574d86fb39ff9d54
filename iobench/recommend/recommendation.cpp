#include "recommend/recommendation.hpp"

#include <algorithm>
#include <cmath>

namespace iobench {

namespace {

constexpr std::size_t enough_rounds = 5;

std::string mechanism_of(const series& one) { return one.by.name.substr(one.by.name.find('/') + 1); }

/// Those of penstock at a point that the scenario may use and that have the metric, best first.
std::vector<const series*> candidates(const results& all, const scenario& of, const std::string& workload,
                                      const std::string& point, const metric& by) {
    std::vector<const series*> found;
    for (const series* const one : all.at(workload, point)) {
        if (one->by.of == group::penstock && may_use(of.may_use, mechanism_of(*one)) && !one->values(by.name).empty()) {
            found.push_back(one);
        }
    }
    std::ranges::stable_sort(
        found, {}, [&](const series* one) { return median(one->values(by.name)) * (by.less_is_better ? 1 : -1); });
    return found;
}

/// The point that was measured and is nearest to what is wanted, by how many times as far it is.
std::optional<point> nearest(const results& all, const evidence& wanted) {
    std::optional<point> best;
    const auto distance = [&](const point& at) { return std::abs(std::log(at.x / wanted.x)); };
    for (const point& at : all.points(wanted.workload)) {
        if (!wanted.point.empty()) {
            if (at.name == wanted.point) return at;
        } else if (at.x > 0 && (!best || distance(at) < distance(*best))) {
            best = at;
        }
    }
    constexpr double too_far = 1.4;  // a factor of 4
    if (best && distance(*best) > too_far) return std::nullopt;
    return best;
}

/// How many times as much the other one costs; above 1 if it is worse, whichever way the metric goes.
estimate cost_ratio(const comparison& other, const metric& by) {
    const estimate& ratio = other.ratio;
    if (by.less_is_better) return ratio;
    return {1 / ratio.value, 1 / ratio.high, 1 / ratio.low};
}

void look_behind(recommendation& made, const std::vector<const series*>& field, const metric& by) {
    for (std::size_t i = 1; i < field.size(); ++i) {
        const auto beside = compare(*field[i], *field[0], by);
        if (beside && beside->is == verdict::slower) {
            made.next = mechanism_of(*field[i]);
            made.margin = cost_ratio(*beside, by);
            made.sure = !made.as_good.empty()            ? confidence::none
                        : beside->pairs >= enough_rounds ? confidence::high
                                                         : confidence::low;
            return;
        }
        made.as_good.push_back(mechanism_of(*field[i]));
    }
}

/// Who is better than `model` at a point beyond doubt; empty if nobody is.
std::string better_at(const point& at, const recommendation& made, const results& all, const scenario& of,
                      const metric& by) {
    const auto field = candidates(all, of, made.workload, at.name, by);
    const auto same = std::ranges::find(field, made.model, [](const series* one) { return mechanism_of(*one); });
    if (same == field.end() || same == field.begin()) return {};
    const auto beside = compare(**same, *field.front(), by);
    return beside && beside->is == verdict::slower ? mechanism_of(*field.front()) : "";
}

/// Points of the same workload where another one is better; neighbours with the same one are told at once.
void look_around(recommendation& made, const results& all, const scenario& of, const metric& by) {
    std::string first;
    std::string last;
    std::string model;
    const auto tell = [&] {
        if (model.empty()) return;
        made.changes.push_back((first == last ? "at " + first : "from " + first + " to " + last) + " it is " + model);
    };
    for (const point& at : all.points(made.workload)) {
        const std::string better = better_at(at, made, all, of, by);
        if (better != model) {
            tell();
            first = at.name;
            model = better;
        }
        last = at.name;
    }
    tell();
}

std::string command_for(const evidence& wanted) {
    std::string text = "iobench run " + wanted.workload + " --contender penstock";
    if (!wanted.point.empty()) return text + " --point '" + wanted.point + "'";
    return text + " --point " + std::to_string(static_cast<long>(wanted.x));
}

recommendation recommend_for(const results& all, const scenario& of) {
    recommendation made{.of = &of};
    for (const evidence& wanted : of.by) {
        const description* const about = all.find_workload(wanted.workload);
        const auto at = nearest(all, wanted);
        if (about == nullptr || about->metrics.empty() || !at) continue;
        const metric& by = about->metrics.front();
        const auto field = candidates(all, of, wanted.workload, at->name, by);
        if (field.empty()) continue;
        made.workload = wanted.workload;
        made.point = at->name;
        made.model = mechanism_of(*field.front());
        made.by = by;
        made.value = median_of(field.front()->values(by.name));
        made.line = "loop::create({.backend = \"" + made.model + "\"})";
        look_behind(made, field, by);
        look_around(made, all, of, by);
        made.changes.push_back(of.would_change);
        return made;
    }
    made.missing = command_for(of.by.front());
    return made;
}

}  // namespace

std::string_view to_string(confidence of) {
    switch (of) {
        case confidence::high: return "high";
        case confidence::low: return "low";
        case confidence::none: return "none";
    }
    return "";
}

std::vector<recommendation> recommend(const results& all) {
    std::vector<recommendation> made;
    for (const scenario& of : scenarios()) made.push_back(recommend_for(all, of));
    return made;
}

}  // namespace iobench
