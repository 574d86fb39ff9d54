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
        for (round_ = 1; round_ <= plan_.rounds && !plan_.stop(); ++round_) run_round();
        for (field& here : fields_) {
            for (lane& one : here.lanes) {
                if (!one.taken.samples.empty()) into_.measured.push_back(std::move(one.taken));
            }
        }
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

    /// A round of all, as long as it is not given up.
    seconds round_cost_of_all(const pace& each) const {
        seconds sum{0};
        for (const field& here : fields_) {
            if (!here.given_up) sum += round_cost(here, each);
        }
        return sum;
    }

    /// What is not needed for the least makes the trials of what is left longer, all alike.
    pace choose_pace() const {
        if (plan_.budget <= seconds(0)) return plan_.each;
        const unsigned rounds = plan_.rounds - round_ + 1;
        std::size_t trials = 0;
        for (const field& here : fields_) {
            if (!here.given_up) trials += std::ranges::count(here.lanes, false, &lane::failed) * rounds;
        }
        if (trials == 0) return plan_.each;
        const seconds spare = (left() - round_cost_of_all(plan_.each) * rounds) / static_cast<double>(trials);
        const seconds room = plan_.most.warm_up - plan_.each.warm_up + plan_.most.length - plan_.each.length;
        const double share = room > seconds(0) ? std::clamp(spare / room, 0.0, 1.0) : 0;
        return {plan_.each.warm_up + share * (plan_.most.warm_up - plan_.each.warm_up),
                plan_.each.length + share * (plan_.most.length - plan_.each.length)};
    }

    void run_round() {
        drop_what_would_say_nothing();
        const pace each = choose_pace();
        for (current_ = 0; current_ < fields_.size() && !plan_.stop();) {
            field& here = fields_[current_];
            if (!here.given_up && (has_time_in_any_case() || fits(here, each))) run_round_of(here, each);
            if (nobody_could(here)) {
                fields_.erase(fields_.begin() + static_cast<std::ptrdiff_t>(current_));
            } else {
                ++current_;
            }
        }
    }

    static bool nobody_could(const field& here) {
        return std::ranges::all_of(here.lanes, [](const lane& one) { return one.failed && one.taken.samples.empty(); });
    }

    // A little of the first is better than nothing at all.
    bool has_time_in_any_case() const { return current_ == 0 && round_ <= fewest_rounds; }

    bool fits(field& here, const pace& each) {
        const seconds needed = round_ == 1 ? cost_of_beginning(here) : round_cost(here, each);
        if (needed <= left()) return true;
        here.given_up = true;
        if (round_ > fewest()) {
            leave_out(here, ", from round " + std::to_string(round_) + " on");
        } else {
            for (lane& one : here.lanes) one.taken.samples.clear();
            leave_out(here, "");
        }
        return false;
    }

    /// Of the fewest rounds, here and for all that has begun.
    seconds cost_of_beginning(const field& here) const {
        seconds sum = round_cost(here, plan_.each) * fewest();
        for (std::size_t i = 0; i < current_; ++i) {
            if (!fields_[i].given_up) sum += round_cost(fields_[i], plan_.each) * (fewest() - 1);
        }
        return sum;
    }

    /// When trials take longer than expected, fewer points with enough rounds, not all with too few.
    void drop_what_would_say_nothing() {
        if (round_ == 1 || round_ > fewest()) return;
        while (fields_.size() > 1 && round_cost_of_all(plan_.each) * (fewest() - round_ + 1) > left()) {
            if (!fields_.back().given_up) leave_out(fields_.back(), "");
            fields_.pop_back();
        }
    }

    unsigned fewest() const { return std::min(fewest_rounds, plan_.rounds); }

    void leave_out(const field& here, const std::string& which) {
        into_.left_out.push_back({here.of->about().name + ", " + here.at.name + which,
                                  "no time was left for it: trials took longer than expected"});
    }

    void run_round_of(field& here, const pace& each) {
        std::vector<lane*> lanes;
        for (lane& one : here.lanes) lanes.push_back(&one);
        std::ranges::shuffle(lanes, order_);
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            if (plan_.stop() || (!has_time_in_any_case() && left() <= seconds(0))) return;
            if (lanes[i]->failed) continue;
            tell_about(here, *lanes[i], each, std::span(lanes).subspan(i));
            run_trial(here, *lanes[i], each);
        }
    }

    void tell_about(const field& here, const lane& one, const pace& each, std::span<lane* const> of_round) const {
        seconds ahead = round_cost_of_all(each) * (plan_.rounds - round_);
        for (const lane* const other : of_round) {
            if (!other->failed) ahead += trial_cost(here, *other, each);
        }
        for (std::size_t i = current_ + 1; i < fields_.size(); ++i) {
            if (!fields_[i].given_up) ahead += round_cost(fields_[i], each);
        }
        if (plan_.budget > seconds(0)) ahead = std::clamp(ahead, seconds(0), std::max(left(), seconds(0)));
        tell_({here.of->about().title, here.at.name, one.taken.by.name, round_, plan_.rounds,
               elapsed() / (elapsed() + ahead), ahead});
    }

    void run_trial(field& here, lane& one, const pace& each) {
        const auto began = steady_clock::now();
        auto taken = here.of->measure(one.taken.by, here.at, each);
        if (taken) {
            known_.learn(here.of, steady_clock::now() - began - each.warm_up - each.length, one.besides);
            one.taken.samples.push_back(std::move(*taken));
            one.taken.rounds.push_back(round_);
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
    unsigned round_ = 1;
    std::size_t current_ = 0;
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
