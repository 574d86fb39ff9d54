#include "report/headline.hpp"

#include "report/quantity.hpp"

#include <algorithm>

namespace iobench {

namespace {

std::string span_of(double least, double most, const auto& text) {
    const std::string low = text(least);
    const std::string high = text(most);
    return low == high ? low : low.substr(0, low.find(' ')) + " to " + high;
}

std::string value_of_leader(const ranked_workload& work, const stretch& here) {
    double least = std::numeric_limits<double>::infinity();
    double most = 0;
    for (const ranked_point* const at : here.points) {
        const double value = at->find(here.leader.name)->value.value;
        least = std::min(least, value);
        most = std::max(most, value);
    }
    const shown_unit unit = unit_for(work.by().unit, most);
    return with_unit(span_of(least / unit.divisor, most / unit.divisor, plain_number), unit.name);
}

std::string span_of_ratios(const follower& one) { return span_of(one.least, one.most, ratio); }

std::string those_behind(const stretch& here) {
    double least = std::numeric_limits<double>::infinity();
    double most = 0;
    std::size_t count = 0;
    for (const follower& one : here.others) {
        if (one.tied) continue;
        ++count;
        least = std::min(least, one.least);
        most = std::max(most, one.most);
    }
    if (count == 0) return {};
    return (count == 1 ? "1 other " : std::to_string(count) + " others ") + span_of(least, most, ratio);
}

std::string best_of_penstock(const stretch& here) {
    if (here.leader.of == group::penstock) return {};
    const auto found = std::ranges::find(here.others, group::penstock, [](const follower& f) { return f.who.of; });
    if (found == here.others.end()) return {};
    return found->who.name + " " + (found->tied ? "tied" : span_of_ratios(*found));
}

}  // namespace

std::vector<headline> headlines(const std::vector<ranked_workload>& all) {
    std::vector<headline> made;
    for (const ranked_workload& work : all) {
        for (stretch& here : stretches(work)) {
            headline line{.of = &work,
                          .here = {},
                          .leader = here.leader.name,
                          .value = value_of_leader(work, here),
                          .tied = {},
                          .behind = those_behind(here),
                          .of_penstock = best_of_penstock(here)};
            for (const follower& one : here.others) {
                if (one.tied) line.tied.push_back(one.who.name);
            }
            line.here = std::move(here);
            made.push_back(std::move(line));
        }
    }
    return made;
}

}  // namespace iobench
