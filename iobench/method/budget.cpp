// What is taken away when time is short.
#include "method/field.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>

namespace iobench {

namespace {

using seconds = std::chrono::duration<double>;

class thinning {
  public:
    thinning(std::vector<field>& fields, const plan& wanted, results& into)
        : fields_(fields), plan_(wanted), into_(into) {
        char text[96];
        std::snprintf(text, sizeof text, "no time for it in %.0f seconds", wanted.budget.count());
        why_ = text;
    }

    void run() {
        bool gave = true;
        while (gave && total() > plan_.budget) gave = reduce_dearest() || remove_last();
    }

  private:
    seconds cost(const workload* of) const {
        seconds sum{0};
        for (const field& one : fields_) {
            if (one.of == of || of == nullptr) sum += cost_of(one, plan_.each, plan_.rounds);
        }
        return sum;
    }
    seconds total() const { return cost(nullptr); }

    /// \return false if no workload has anything left to give
    bool reduce_dearest() {
        std::vector<workload*> dearest;
        for (const auto& one : plan_.workloads) dearest.push_back(one.get());
        std::ranges::stable_sort(dearest, std::ranges::greater{}, [this](workload* of) { return cost(of); });
        return std::ranges::any_of(dearest, [this](workload* of) { return reduce(*of); });
    }

    bool reduce(workload& of) {
        while (steps_[&of] < 3) {
            const auto before = cost(&of);
            switch (steps_[&of]++) {
                case 0: keep_points(of, of.points(scale::quick)); break;
                case 1: keep_middle(of); break;
                default: drop_seldom_chosen(of);
            }
            if (cost(&of) < before) return true;
        }
        return false;
    }

    /// Nothing of them is kept only if there would be nothing at all.
    void keep_points(const workload& of, const std::vector<point>& kept) {
        const auto is_kept = [&](const field& one) {
            return one.of != &of || std::ranges::find(kept, one.at.name, &point::name) != kept.end();
        };
        const auto remaining =
            std::ranges::count_if(fields_, [&](const field& f) { return f.of == &of && is_kept(f); });
        if (remaining == 0) return;
        drop_fields([&](const field& one) { return !is_kept(one); });
    }

    void keep_middle(const workload& of) {
        std::vector<point> all;
        for (const field& one : fields_) {
            if (one.of == &of) all.push_back(one.at);
        }
        if (all.size() > 1) keep_points(of, {all[all.size() / 2]});
    }

    void drop_seldom_chosen(const workload& of) {
        for (field& here : fields_) {
            if (here.of != &of || std::ranges::all_of(here.lanes, seldom_chosen, by)) continue;
            for (const lane& one : here.lanes) {
                if (seldom_chosen(one.taken.by)) leave_out(of.about().name + ", " + one.taken.by.name);
            }
            std::erase_if(here.lanes, [](const lane& one) { return seldom_chosen(one.taken.by); });
        }
    }

    /// \return false if only the first is left
    bool remove_last() {
        if (fields_.empty() || fields_.back().of == plan_.workloads.front().get()) return false;
        const workload& last = *fields_.back().of;
        leave_out(last.about().name);
        std::erase_if(fields_, [&](const field& one) { return one.of == &last; });
        return true;
    }

    template <typename Condition>
    void drop_fields(Condition dropped) {
        for (field& one : fields_) {
            if (!dropped(one)) continue;
            const std::string name = one.of->about().name + ", " + one.at.name;
            const bool kept = plan_.kept && plan_.kept(one.of->about().name, one.at);
            std::erase_if(one.lanes, [&](const lane& l) { return !kept || l.taken.by.of != group::penstock; });
            leave_out(one.lanes.empty() ? name : name + ", all but penstock's");
        }
        std::erase_if(fields_, [](const field& one) { return one.lanes.empty(); });
    }

    void leave_out(const std::string& what) {
        if (std::ranges::find(into_.left_out, what, &skipped::what) != into_.left_out.end()) return;
        const std::string name = what.substr(0, what.find(','));
        into_.left_out.push_back({what, why_ + "; `iobench run " + name + "` measures it"});
    }

    static const contender& by(const lane& one) { return one.taken.by; }

    std::vector<field>& fields_;
    const plan& plan_;
    results& into_;
    std::string why_;
    std::map<const workload*, int> steps_;
};

}  // namespace

bool seldom_chosen(const contender& who) {
    constexpr std::array shown = {"poll", "select", "sigio", "epoll_level", "posix_aio"};
    const std::string mechanism = who.name.substr(who.name.find('/') + 1);
    return mechanism.find(':') != std::string::npos || std::ranges::find(shown, mechanism) != shown.end();
}

void fit_to_budget(std::vector<field>& fields, const plan& wanted, results& into) {
    if (wanted.budget > seconds(0) && !wanted.workloads.empty()) thinning(fields, wanted, into).run();
}

}  // namespace iobench
