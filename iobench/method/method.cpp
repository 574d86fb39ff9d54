#include "method/method.hpp"

#include "method/field.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <span>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;
using std::chrono::steady_clock;

/// What trials take besides their pace, compared with what their workloads said.
class experience {
  public:
    void learn(const workload* of, seconds took, seconds said) {
        for (account* const one : {&each_[of], &all_}) {
            one->took += took;
            one->said += said;
        }
    }
    /// Of a workload that was not met yet: that of all the others, within reason.
    double factor(const workload* of) const {
        const auto known = each_.find(of);
        if (known != each_.end()) return known->second.factor();
        return std::clamp(all_.factor(), 1.0, 3.0);
    }

  private:
    struct account {
        seconds took{0};
        seconds said{0};
        double factor() const { return said > seconds(0) ? std::max(0.0, took / said) : 1; }
    };
    std::map<const workload*, account> each_;
    account all_;
};

class course {
  public:
    course(const plan& wanted, std::vector<field> fields, results& into,
           const std::function<void(const progress&)>& tell, steady_clock::time_point started)
        : plan_(wanted), fields_(std::move(fields)), into_(into), tell_(tell), order_(wanted.seed), started_(started) {}

    void run() {
        for (current_ = 0; current_ < fields_.size() && !plan_.stop(); ++current_) run_field(fields_[current_]);
        into_.complete = !plan_.stop();
    }

  private:
    seconds elapsed() const { return steady_clock::now() - started_; }
    seconds left() const { return plan_.budget > seconds(0) ? plan_.budget - elapsed() : seconds(1e9); }

    seconds trial_cost(const field& here, const lane& one, const pace& each) const {
        return each.warm_up + each.length + one.besides * known_.factor(here.of);
    }

    seconds round_cost(const field& here, const pace& each) const {
        seconds sum{0};
        for (const lane& one : here.lanes) {
            if (!one.failed) sum += trial_cost(here, one, each);
        }
        return sum;
    }

    /// What is not needed for the least makes the trials of what is left longer, all alike.
    pace choose_pace() const {
        if (plan_.budget <= seconds(0)) return plan_.each;
        seconds least{0};
        std::size_t trials = 0;
        for (std::size_t i = current_; i < fields_.size(); ++i) {
            least += round_cost(fields_[i], plan_.each) * plan_.rounds;
            trials += fields_[i].lanes.size() * plan_.rounds;
        }
        const seconds spare = (left() - least) / static_cast<double>(trials);
        const seconds room = plan_.most.warm_up - plan_.each.warm_up + plan_.most.length - plan_.each.length;
        const double share = room > seconds(0) ? std::clamp(spare / room, 0.0, 1.0) : 0;
        return {plan_.each.warm_up + share * (plan_.most.warm_up - plan_.each.warm_up),
                plan_.each.length + share * (plan_.most.length - plan_.each.length)};
    }

    void run_field(field& here) {
        const pace each = choose_pace();
        const std::string name = here.of->about().name + ", " + here.at.name;
        // A little of the first is better than nothing at all.
        const unsigned fewest = std::min(fewest_rounds, plan_.rounds);
        rounds_in_any_case_ = into_.measured.empty() ? fewest : 0;
        if (rounds_in_any_case_ == 0 && round_cost(here, each) * fewest > left()) {
            into_.left_out.push_back({name, "no time was left for it: trials took longer than expected"});
            return;
        }
        for (unsigned round = 1; round <= plan_.rounds && !plan_.stop(); ++round) {
            if (round > rounds_in_any_case_ && round_cost(here, each) > left()) {
                into_.left_out.push_back({name + ", rounds from the " + std::to_string(round) + "th",
                                          "no time was left for them: trials took longer than expected"});
                break;
            }
            run_round(here, each, round);
        }
        for (lane& one : here.lanes) {
            if (!one.taken.samples.empty()) into_.measured.push_back(std::move(one.taken));
        }
    }

    void run_round(field& here, const pace& each, unsigned round) {
        std::vector<lane*> lanes;
        for (lane& one : here.lanes) lanes.push_back(&one);
        std::ranges::shuffle(lanes, order_);
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (plan_.stop() || (round > rounds_in_any_case_ && left() <= seconds(0))) return;
            if (lanes[i]->failed) continue;
            tell_about(here, *lanes[i], each, round, std::span(lanes).subspan(i));
            run_trial(here, *lanes[i], each, round);
        }
    }

    void tell_about(const field& here, const lane& one, const pace& each, unsigned round,
                    std::span<lane* const> of_round) const {
        seconds ahead = round_cost(here, each) * (plan_.rounds - round);
        for (const lane* const other : of_round) ahead += trial_cost(here, *other, each);
        for (std::size_t i = current_ + 1; i < fields_.size(); ++i) {
            ahead += round_cost(fields_[i], each) * plan_.rounds;
        }
        if (plan_.budget > seconds(0)) ahead = std::clamp(ahead, seconds(0), std::max(left(), seconds(0)));
        tell_({here.of->about().title, here.at.name, one.taken.by.name, round, plan_.rounds,
               elapsed() / (elapsed() + ahead), ahead});
    }

    void run_trial(field& here, lane& one, const pace& each, unsigned round) {
        const auto began = steady_clock::now();
        auto taken = here.of->measure(one.taken.by, here.at, each);
        if (taken) {
            known_.learn(here.of, steady_clock::now() - began - each.warm_up - each.length, one.besides);
            one.taken.samples.push_back(std::move(*taken));
            one.taken.rounds.push_back(round);
        } else if (!plan_.stop()) {
            one.failed = true;
            into_.left_out.push_back(
                {here.of->about().name + ", " + here.at.name + ", " + one.taken.by.name, taken.error()});
        }
    }

    static constexpr unsigned fewest_rounds = 3;  // less say nothing of how sure they are

    const plan& plan_;
    std::vector<field> fields_;
    results& into_;
    const std::function<void(const progress&)>& tell_;
    std::mt19937 order_;
    experience known_;
    std::size_t current_ = 0;
    unsigned rounds_in_any_case_ = 0;   // of the current field, whatever the budget says
    steady_clock::time_point started_;  // of drawing up, which is of the budget, too
};

}  // namespace

results run(const plan& wanted, const std::function<void(const progress&)>& tell) {
    results into;
    const auto started = steady_clock::now();
    std::vector<field> fields = draw_up(wanted, into);
    fit_to_budget(fields, wanted, into);
    course(wanted, std::move(fields), into, tell, started).run();
    into.seconds = seconds(steady_clock::now() - started).count();
    return into;
}

}  // namespace iobench
