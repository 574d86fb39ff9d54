// What is to be run: for each point of each workload those who take part.
#pragma once

#include "method/method.hpp"

#include <vector>

namespace iobench {

/// One contender at one point, with all that its trials give.
struct lane {
    series taken;
    std::chrono::duration<double> besides{0};  ///< what a trial takes besides its pace, as the workload says
    bool failed = false;
};

/// One point of a workload with everybody who takes part.
struct field {
    workload* of = nullptr;
    point at = {};
    std::vector<lane> lanes = {};
    bool given_up = false;  ///< there was no time for all of its rounds
};

/// All that the plan wants. Descriptions, and what can't take part with the reason, go into the results.
std::vector<field> draw_up(const plan&, results& into);

/// What all rounds of it take at that pace.
std::chrono::duration<double> cost_of(const field&, const pace&, unsigned rounds);

/// Takes away until all rounds fit the budget at the plan's least pace. Whatever workload is the dearest gives first:
/// the points that are not in its smallest set, then all points but one, then the contenders that are seldom chosen;
/// when none has any of these left, whole workloads go, the last of the list first, but never the first. What is taken
/// away is among the things left out.
void fit_to_budget(std::vector<field>&, const plan&, results& into);

/// Left out first when time is short: variants ("epoll:level"), and mechanisms that are measured to be shown.
bool seldom_chosen(const contender&);

}  // namespace iobench
