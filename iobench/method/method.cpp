#include "method/method.hpp"

#include "process/interrupt.hpp"

#include <algorithm>
#include <random>

namespace iobench {

namespace {

using std::chrono::steady_clock;

/// One contender at one point, with all that its trials give.
struct lane {
    workload* of;
    series taken;
    bool failed = false;
};

/// One point of a workload with everybody who takes part.
using field = std::vector<lane>;

bool wanted(const contender& who, const std::vector<std::string>& names) {
    constexpr const char* groups[] = {"penstock", "bare", "peer"};
    return names.empty() || std::ranges::any_of(names, [&](const std::string& name) {
               return name == who.name || name == groups[static_cast<int>(who.of)];
           });
}

std::vector<field> draw_up(const plan& wanted_plan, results& into) {
    std::vector<field> fields;
    for (const auto& work : wanted_plan.workloads) {
        into.workloads.push_back(work->about());
        std::vector<contender> takers;
        for (const contender& who : work->contenders()) {
            if (!wanted(who, wanted_plan.contenders)) continue;
            if (who.unavailable.empty()) {
                takers.push_back(who);
            } else {
                into.left_out.push_back({work->about().name + ", " + who.name, who.unavailable});
            }
        }
        for (const point& at : work->points(wanted_plan.much)) {
            field here;
            for (const contender& who : takers) {
                const std::string why = work->left_out(who, at);
                if (why.empty()) {
                    here.push_back({work.get(), {.workload = work->about().name, .at = at, .by = who}});
                } else {
                    into.left_out.push_back({work->about().name + ", " + at.name + ", " + who.name, why});
                }
            }
            if (!here.empty()) fields.push_back(std::move(here));
        }
    }
    return fields;
}

class course {
  public:
    course(const plan& wanted_plan, std::vector<field> fields, results& into,
           const std::function<void(const progress&)>& tell)
        : plan_(wanted_plan), fields_(std::move(fields)), into_(into), tell_(tell), order_(wanted_plan.seed) {
        for (const field& here : fields_) total_ += here.size() * plan_.rounds;
    }

    void run() {
        for (field& here : fields_) {
            for (unsigned round = 1; round <= plan_.rounds && !interrupted(); ++round) run_round(here, round);
            for (lane& one : here) {
                if (!one.taken.samples.empty()) into_.measured.push_back(std::move(one.taken));
            }
        }
        into_.complete = !interrupted();
    }

  private:
    void run_round(field& here, unsigned round) {
        std::vector<lane*> lanes;
        for (lane& one : here) lanes.push_back(&one);
        std::ranges::shuffle(lanes, order_);
        for (lane* const one : lanes) {
            if (interrupted()) return;
            if (!one->failed) run_trial(*one, round);
            ++done_;
        }
    }

    void run_trial(lane& one, unsigned round) {
        const std::string what = one.taken.workload + ", " + one.taken.at.name + ", " + one.taken.by.name;
        const std::chrono::duration<double> so_far = steady_clock::now() - started_;
        const auto share = static_cast<double>(done_) / static_cast<double>(total_);
        tell_({what, round, plan_.rounds, share, done_ == 0 ? so_far * 0 : so_far * (1 - share) / share});
        auto taken = one.of->measure(one.taken.by, one.taken.at, plan_.each);
        if (taken) {
            one.taken.samples.push_back(std::move(*taken));
            one.taken.rounds.push_back(round);
        } else if (!interrupted()) {
            one.failed = true;
            into_.left_out.push_back({what, taken.error()});
        }
    }

    const plan& plan_;
    std::vector<field> fields_;
    results& into_;
    const std::function<void(const progress&)>& tell_;
    std::mt19937 order_;
    std::size_t total_ = 0;
    std::size_t done_ = 0;
    steady_clock::time_point started_ = steady_clock::now();
};

}  // namespace

results run(const plan& wanted_plan, const std::function<void(const progress&)>& tell) {
    results into;
    const auto started = steady_clock::now();
    course(wanted_plan, draw_up(wanted_plan, into), into, tell).run();
    into.seconds = std::chrono::duration<double>(steady_clock::now() - started).count();
    return into;
}

}  // namespace iobench
