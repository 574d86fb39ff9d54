#include "report/leaders.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <tuple>

namespace iobench {

namespace {

const standing& best_at(const ranked_point& here) { return here.rows.front(); }

bool still_leads(const contender& leader, const ranked_point& here) {
    const standing* const row = here.find(leader.name);
    return row != nullptr && row->level();
}

/// Of the leader, who may be tied with the best of that point only, and of everybody else.
void place_others(stretch& made) {
    for (const standing& row : made.points.front()->rows) {
        if (row.who().name == made.leader.name) continue;
        follower one{row.who(), row.relative, row.relative, true};
        bool everywhere = true;
        for (const ranked_point* const here : made.points) {
            const standing* const there = here->find(row.who().name);
            everywhere = everywhere && there != nullptr;
            if (there == nullptr) continue;
            one.least = std::min(one.least, there->relative);
            one.most = std::max(one.most, there->relative);
            one.tied = one.tied && there->level();
        }
        if (everywhere) {
            made.others.push_back(one);
        } else {
            made.partly.push_back(row.who());
        }
    }
    for (const ranked_point* const here : made.points) {
        for (const standing& row : here->rows) {
            if (made.points.front()->find(row.who().name) == nullptr &&
                std::ranges::find(made.partly, row.who().name, &contender::name) == made.partly.end()) {
                made.partly.push_back(row.who());
            }
        }
    }
    std::ranges::stable_sort(made.others, {}, [](const follower& one) {
        return std::tuple(!one.tied,
                          std::abs(std::log(std::max(one.most, 1e-9))) + std::abs(std::log(std::max(one.least, 1e-9))));
    });
}

double on_axis(double x, bool logarithmic) { return logarithmic && x > 0 ? std::log(x) : x; }

/// Between two points at which both stand; nothing if the lines do not change sides there.
std::optional<crossing> cross(const stretch& before, const stretch& after, const ranked_point& left,
                              const ranked_point& right, bool logarithmic) {
    const standing* const a1 = left.find(before.leader.name);
    const standing* const b1 = left.find(after.leader.name);
    const standing* const a2 = right.find(before.leader.name);
    const standing* const b2 = right.find(after.leader.name);
    if (a1 == nullptr || b1 == nullptr || a2 == nullptr || b2 == nullptr) return std::nullopt;
    const double gap_left = a1->value.value - b1->value.value;
    const double gap_right = a2->value.value - b2->value.value;
    if (gap_left == gap_right || gap_left * gap_right > 0) return std::nullopt;
    const double share = gap_left / (gap_left - gap_right);
    const bool by_logarithm = logarithmic && left.at.x > 0;
    const double x1 = on_axis(left.at.x, by_logarithm);
    const double x = x1 + share * (on_axis(right.at.x, by_logarithm) - x1);
    return crossing{by_logarithm ? std::exp(x) : x, a1->value.value + share * (a2->value.value - a1->value.value),
                    before.leader, after.leader};
}

}  // namespace

std::string stretch::where() const {
    const std::string& first = points.front()->at.name;
    const std::string& last = points.back()->at.name;
    if (points.size() == 1) return first;
    // "1 to 256 connections": the unit is said once, where both have it.
    const auto space = first.find(' ');
    const auto unit = last.find(' ');
    const bool same =
        space != std::string::npos && unit != std::string::npos && last.substr(unit).starts_with(first.substr(space));
    return (same ? first.substr(0, space) : first) + " to " + last;
}

std::vector<stretch> stretches(const ranked_workload& work) {
    std::vector<stretch> made;
    for (const ranked_point& here : work.points) {
        if (here.rows.empty()) continue;
        if (made.empty() || !still_leads(made.back().leader, here)) {
            made.push_back({.points = {}, .leader = best_at(here).who(), .others = {}, .partly = {}});
        }
        made.back().points.push_back(&here);
    }
    for (stretch& one : made) place_others(one);
    return made;
}

std::vector<crossing> crossings(const ranked_workload& work) {
    std::vector<crossing> made;
    if (!work.is_sweep()) return made;
    const auto all = stretches(work);
    for (std::size_t i = 1; i < all.size(); ++i) {
        // The new leader may have passed the old one while they were still tied: look back from where it is clear.
        const ranked_point* const clear = all[i].points.front();
        for (const ranked_point* right = clear; right > work.points.data(); --right) {
            if (right < all[i - 1].points.front()) break;
            if (const auto found = cross(all[i - 1], all[i], right[-1], *right, work.about->logarithmic)) {
                made.push_back(*found);
                break;
            }
        }
    }
    return made;
}

}  // namespace iobench
