#include "claims/claims.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace iobench {

namespace {

bool is_at(const point& at, const std::string& wanted) {
    if (at.name == wanted) return true;
    char* end = nullptr;
    const double x = std::strtod(wanted.c_str(), &end);
    return !wanted.empty() && *end == '\0' && at.x == x;
}

/// Null if it was not measured.
const series* find(const results& all, const place& where) {
    const series* found = nullptr;
    for (const series& one : all.measured) {
        if (one.workload != where.workload || one.by.name != where.contender) continue;
        if (one.values(where.metric).empty()) continue;
        if (where.point == "first" && found == nullptr) found = &one;
        if (where.point == "last" || is_at(one.at, where.point)) found = &one;
    }
    return found;
}

estimate scaled(estimate value, double by) {
    estimate result{value.value * by, value.low * by, value.high * by};
    if (result.low > result.high) std::swap(result.low, result.high);
    return result;
}

std::optional<estimate> ratio_of(const results& all, const series& of, const series& to, const std::string& name) {
    const description* const about = all.find_workload(of.workload);
    if (of.workload == to.workload && of.at.name == to.at.name && about != nullptr) {
        const auto by = std::ranges::find(about->metrics, name, &metric::name);
        if (by != about->metrics.end()) {
            if (const auto beside = compare(of, to, *by)) return beside->ratio;
        }
    }
    if (median(to.values(name)) == 0) return std::nullopt;
    return ratio_of_medians(of.values(name), to.values(name));
}

std::optional<estimate> slope_of(const series& from, const series& to, const std::string& name) {
    const double run = to.at.x - from.at.x;
    if (!(run > 0)) return std::nullopt;
    const estimate a = median_of(from.values(name));
    const estimate b = median_of(to.values(name));
    return estimate{(b.value - a.value) / run, (b.low - a.high) / run, (b.high - a.low) / run};
}

std::optional<estimate> take(const results& all, const quantity& wanted) {
    const series* const of = find(all, wanted.of);
    if (of == nullptr) return std::nullopt;
    if (wanted.as == form::value) return median_of(of->values(wanted.of.metric));
    const series* const to = find(all, wanted.to);
    if (to == nullptr) return std::nullopt;
    if (wanted.as == form::slope) return slope_of(*of, *to, wanted.of.metric);
    return ratio_of(all, *of, *to, wanted.of.metric);
}

struct tally {
    int agree = 0;
    int disagree = 0;
    int unsure = 0;

    void add(const shown& one) {
        if (one.value.high < one.of->low || one.value.low > one.of->high) {
            ++disagree;
        } else if (one.of->lenient || (one.value.low >= one.of->low && one.value.high <= one.of->high)) {
            ++agree;
        } else {
            ++unsure;
        }
    }
    ruling says() const {
        if (agree + disagree + unsure == 0) return ruling::not_measured;
        if (disagree + unsure == 0) return ruling::holds;
        if (agree + unsure == 0) return ruling::does_not;
        return ruling::depends;
    }
};

}  // namespace

bool needs(const claim& said, const std::string& workload, const point& at, const contender& who) {
    const auto is_there = [&](const place& where) {
        const bool any = where.point == "first" || where.point == "last";
        return where.workload == workload && where.contender == who.name && (any || is_at(at, where.point));
    };
    return std::ranges::any_of(said.figures, [&](const quantity& one) { return is_there(one.of) || is_there(one.to); });
}

std::string_view to_string(ruling is) {
    switch (is) {
        case ruling::holds: return "holds";
        case ruling::does_not: return "does not";
        case ruling::depends: return "depends";
        case ruling::not_measured: return "not measured";
        case ruling::cannot_be_known: return "can't be measured here";
    }
    return "";
}

/// Why something that a claim needs was left out; empty if nothing is known.
std::string reason_of(const claim& said, const results& all) {
    for (const skipped& one : all.left_out) {
        for (const quantity& wanted : said.figures) {
            for (const place* const where : {&wanted.of, &wanted.to}) {
                const bool there =
                    one.what.starts_with(where->workload + ", ") && one.what.ends_with(", " + where->contender);
                if (!where->workload.empty() && there) return where->contender + ": " + one.why;
            }
        }
    }
    return {};
}

finding judge(const claim& said, const results& all) {
    finding found{.of = &said};
    tally count;
    for (const quantity& wanted : said.figures) {
        const auto value = take(all, wanted);
        if (!value) continue;
        found.figures.push_back({&wanted, scaled(*value, wanted.scale)});
        if (wanted.judged) count.add(found.figures.back());
    }
    found.is = count.says();
    if (found.is == ruling::not_measured && !said.fact.by.empty()) found.is = said.fact.is;
    if (found.is == ruling::not_measured && !said.cannot.empty()) found.is = ruling::cannot_be_known;
    if (found.is == ruling::cannot_be_known) {
        const std::string reason = reason_of(said, all);
        found.why = said.cannot + (reason.empty() ? "" : "; " + reason);
    }
    if (found.is == ruling::not_measured) found.why = "the results at hand do not have it: " + command_of(said);
    return found;
}

}  // namespace iobench
