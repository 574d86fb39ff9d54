#include "method/field.hpp"

#include <algorithm>
#include <cstdlib>

namespace iobench {

namespace {

bool is_wanted(const contender& who, const std::vector<std::string>& names) {
    constexpr const char* groups[] = {"penstock", "bare", "peer"};
    return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
               return name == who.name || name == groups[static_cast<int>(who.of)];
           });
}

std::vector<contender> takers_of(const workload& work, const plan& wanted, results& into) {
    std::vector<contender> takers;
    for (const contender& who : work.contenders()) {
        if (!is_wanted(who, wanted.contenders)) continue;
        if (who.unavailable.empty()) {
            takers.push_back(who);
        } else {
            into.left_out.push_back({work.about().name + ", " + who.name, who.unavailable});
        }
    }
    return takers;
}

std::vector<point> points_of(const workload& work, const plan& wanted) {
    if (wanted.points.empty()) return work.points(wanted.much);
    std::vector<point> chosen;
    for (const point& at : work.points(scale::full)) {
        const auto names_it = [&](const std::string& name) { return is_named(at, name); };
        if (std::ranges::any_of(wanted.points, names_it)) chosen.push_back(at);
    }
    return chosen;
}

}  // namespace

bool is_named(const point& at, const std::string& name) {
    if (name == at.name) return true;
    char* end = nullptr;
    const double x = std::strtod(name.c_str(), &end);
    return !name.empty() && *end == '\0' && x == at.x;
}

std::vector<field> draw_up(const plan& wanted, results& into) {
    std::vector<field> fields;
    for (const auto& work : wanted.workloads) {
        into.workloads.push_back(work->about());
        const std::string& name = work->about().name;
        const auto takers = takers_of(*work, wanted, into);
        for (const point& at : points_of(*work, wanted)) {
            field here{.of = work.get(), .at = at};
            for (const contender& who : takers) {
                if (wanted.needed && !wanted.needed(name, at, who)) continue;
                if (const std::string why = work->left_out(who, at); !why.empty()) {
                    into.left_out.push_back({name + ", " + at.name + ", " + who.name, why});
                    continue;
                }
                here.lanes.push_back(
                    {.taken = {.workload = name, .at = at, .by = who}, .besides = work->besides(who, at)});
            }
            if (!here.lanes.empty()) fields.push_back(std::move(here));
        }
    }
    return fields;
}

std::chrono::duration<double> cost_of(const field& here, const pace& each, unsigned rounds) {
    std::chrono::duration<double> sum{0};
    for (const lane& one : here.lanes) sum += one.besides + each.warm_up + each.length;
    return sum * rounds;
}

}  // namespace iobench
