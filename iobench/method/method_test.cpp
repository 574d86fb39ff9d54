// The method, with workloads that are functions.
#include "method/method.hpp"

#include "method/field.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <thread>

namespace iobench {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using seconds = std::chrono::duration<double>;

struct trial {
    std::string by;
    std::string at;
};

class made_up : public workload {
  public:
    explicit made_up(std::string name) {
        about_.name = about_.title = std::move(name);
        about_.metrics = {{"cost", "cost", "µs"}};
    }

    const description& about() const override { return about_; }
    std::vector<point> points(scale much) const override {
        return much == scale::quick ? std::vector<point>{{"1", 1}, {"2", 2}}
                                    : std::vector<point>{{"1", 1}, {"2", 2}, {"3", 3}, {"4", 4}};
    }
    std::vector<contender> contenders() const override { return takers; }
    std::string left_out(const contender& who, const point& at) const override {
        return who.name == "bare/a" && at.x > 3 ? "too many" : "";
    }
    seconds besides(const contender&, const point&) const override { return said; }
    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        trials.push_back({who.name, at.name});
        paces.push_back(each);
        if (on_trial) on_trial();
        if (who.name == failing) return std::unexpected("it broke");
        return sample{{"cost", 1.0}};
    }

    std::vector<contender> takers = {
        {"bare/a", group::bare}, {"bare/poll", group::bare}, {"penstock/b", group::penstock}};
    std::string failing;
    seconds said{0.1};
    std::function<void()> on_trial;
    std::vector<trial> trials;
    std::vector<pace> paces;

  private:
    description about_;
};

results run_quietly(const plan& wanted) {
    return run(wanted, [](const progress&) {});
}

plan one_point_of(const std::shared_ptr<made_up>& work, std::uint32_t seed = 1) {
    return {.workloads = {work}, .points = {"1"}, .rounds = 5, .seed = seed};
}

std::vector<std::string> order_with(std::uint32_t seed) {
    const auto work = std::make_shared<made_up>("w");
    run_quietly(one_point_of(work, seed));
    std::vector<std::string> order;
    for (const trial& one : work->trials) order.push_back(one.by);
    return order;
}

TEST(method, everybody_has_a_trial_in_each_round_in_an_order_that_changes) {
    const auto order = order_with(1);
    ASSERT_EQ(order.size(), 15U);
    bool changed = false;
    for (std::size_t round = 0; round < 5; ++round) {
        std::vector<std::string> of_round(order.begin() + static_cast<std::ptrdiff_t>(round * 3),
                                          order.begin() + static_cast<std::ptrdiff_t>(round * 3 + 3));
        changed |= round > 0 && !std::ranges::equal(of_round, std::span(order).first(3));
        std::ranges::sort(of_round);
        EXPECT_EQ(of_round, (std::vector<std::string>{"bare/a", "bare/poll", "penstock/b"}));
    }
    EXPECT_TRUE(changed);
    EXPECT_EQ(order, order_with(1));
    EXPECT_NE(order, order_with(2));
}

TEST(method, a_round_goes_through_everything_before_the_next_begins) {
    std::vector<std::string> order;
    plan wanted{.contenders = {"bare/a"}, .points = {"1", "2"}, .rounds = 2};
    for (const char* name : {"u", "v"}) {
        const auto work = std::make_shared<made_up>(name);
        work->on_trial = [&order, of = work.get()] { order.push_back(of->about().name + of->trials.back().at); };
        wanted.workloads.push_back(work);
    }
    const results all = run_quietly(wanted);
    EXPECT_EQ(order, (std::vector<std::string>{"u1", "u2", "v1", "v2", "u1", "u2", "v1", "v2"}));
    ASSERT_EQ(all.measured.size(), 4U);
    EXPECT_EQ(all.measured[2].workload, "v");
    EXPECT_EQ(all.measured[2].rounds, (std::vector<unsigned>{1, 2}));
}

TEST(method, who_fails_is_left_out_with_the_reason) {
    const auto work = std::make_shared<made_up>("w");
    work->failing = "bare/poll";
    const results all = run_quietly(one_point_of(work));
    EXPECT_EQ(std::ranges::count(work->trials, "bare/poll", &trial::by), 1);
    EXPECT_EQ(all.find("w", "1", "bare/poll"), nullptr);
    ASSERT_EQ(all.left_out.size(), 1U);
    EXPECT_EQ(all.left_out[0].what, "w, 1, bare/poll");
    EXPECT_EQ(all.left_out[0].why, "it broke");
    EXPECT_EQ(all.find("w", "1", "bare/a")->samples.size(), 5U);
    EXPECT_TRUE(all.complete);
}

TEST(method, who_is_not_there_is_left_out_with_the_reason) {
    const auto work = std::make_shared<made_up>("w");
    work->takers[2].unavailable = "not on this machine";
    const results all = run_quietly({.workloads = {work}, .points = {"4"}, .rounds = 1});
    EXPECT_EQ(all.measured.size(), 1U);
    EXPECT_THAT(all.left_out, Contains(Field(&skipped::why, "not on this machine")));
    EXPECT_THAT(all.left_out, Contains(Field(&skipped::what, "w, 4, bare/a")));
}

TEST(method, an_interrupted_run_keeps_what_it_has) {
    const auto work = std::make_shared<made_up>("w");
    plan wanted = one_point_of(work);
    wanted.points = {"1", "2"};
    wanted.stop = [&] { return work->trials.size() >= 7; };
    const results all = run_quietly(wanted);
    EXPECT_EQ(work->trials.size(), 7U);
    EXPECT_FALSE(all.complete);
    EXPECT_EQ(all.points("w").size(), 2U);
    std::size_t kept = 0;
    for (const series& one : all.measured) kept += one.samples.size();
    EXPECT_EQ(kept, 7U);
}

TEST(method, a_trial_that_the_interrupt_broke_is_no_failure_of_its_contender) {
    const auto work = std::make_shared<made_up>("w");
    bool asked = false;
    work->failing = "bare/a";
    work->on_trial = [&] { asked = work->trials.back().by == "bare/a"; };
    plan wanted = one_point_of(work);
    wanted.stop = [&] { return asked; };
    EXPECT_TRUE(run_quietly(wanted).left_out.empty());
}

TEST(method, contenders_are_chosen_by_name_or_group_and_points_by_name_or_number) {
    const auto work = std::make_shared<made_up>("w");
    run_quietly({.workloads = {work}, .contenders = {"penstock", "bare/a"}, .points = {"2", "3.0"}, .rounds = 1});
    EXPECT_EQ(work->trials.size(), 4U);
    EXPECT_EQ(std::ranges::count(work->trials, "bare/poll", &trial::by), 0);
    EXPECT_EQ(std::ranges::count(work->trials, "3", &trial::at), 2);
}

TEST(budget, what_does_not_fit_is_left_out_and_named) {
    plan wanted{.each = {.warm_up = 0.1s, .length = 0.1s}, .budget = 5s};
    for (const char* name : {"u", "v", "w"}) wanted.workloads.push_back(std::make_shared<made_up>(name));
    results into;
    auto fields = draw_up(wanted, into);
    fit_to_budget(fields, wanted, into);
    seconds sum{0};
    for (const field& one : fields) sum += cost_of(one, wanted.each, wanted.rounds);
    EXPECT_LE(sum, wanted.budget);
    EXPECT_EQ(fields.front().of, wanted.workloads.front().get());
    EXPECT_THAT(into.left_out, Contains(Field(&skipped::what, "u, 3")));
    EXPECT_THAT(into.left_out, Contains(Field(&skipped::what, "w, bare/poll")));
    for (const skipped& one : into.left_out) {
        EXPECT_THAT(one.why, testing::AnyOf("too many", HasSubstr("no time for it in 5 seconds")));
    }
}

TEST(budget, leaves_a_point_that_is_kept_to_penstock) {
    plan wanted{.each = {.warm_up = 0.1s, .length = 0.1s}, .budget = 5s};
    wanted.kept = [](const std::string& workload, const point& at) { return workload == "u" && at.name == "1"; };
    for (const char* name : {"u", "v"}) wanted.workloads.push_back(std::make_shared<made_up>(name));
    results into;
    auto fields = draw_up(wanted, into);
    fit_to_budget(fields, wanted, into);
    const auto kept = std::ranges::find_if(
        fields, [&](const field& one) { return one.of == wanted.workloads[0].get() && one.at.name == "1"; });
    ASSERT_NE(kept, fields.end());
    ASSERT_EQ(kept->lanes.size(), 1U);
    EXPECT_EQ(kept->lanes[0].taken.by.name, "penstock/b");
}

TEST(budget, the_first_workload_stays_whatever_it_takes) {
    plan wanted{.budget = 0.1s};
    for (const char* name : {"u", "v"}) wanted.workloads.push_back(std::make_shared<made_up>(name));
    results into;
    auto fields = draw_up(wanted, into);
    fit_to_budget(fields, wanted, into);
    ASSERT_EQ(fields.size(), 1U);
    EXPECT_EQ(fields[0].of, wanted.workloads[0].get());
}

TEST(budget, time_that_is_left_makes_trials_longer) {
    const auto work = std::make_shared<made_up>("w");
    plan wanted = one_point_of(work);
    wanted.each = {.warm_up = 0.1s, .length = 0.1s};
    wanted.most = {.warm_up = 0.2s, .length = 1s};
    work->said = 0s;
    wanted.budget = 1h;
    run_quietly(wanted);
    EXPECT_EQ(work->paces.front().length, 1s);
    work->paces.clear();
    wanted.budget = 6s;
    run_quietly(wanted);
    EXPECT_GT(work->paces.front().length, 0.2s);
    EXPECT_LT(work->paces.front().length, 0.4s);
}

TEST(budget, holds_although_trials_take_longer_than_their_workloads_said) {
    plan wanted{.contenders = {"bare/a"}, .points = {"1"}, .rounds = 5};
    wanted.each = {.warm_up = 0s, .length = 1ms};
    wanted.most = wanted.each;
    wanted.budget = 400ms;
    for (const char* name : {"u", "v", "w", "x"}) {
        const auto work = std::make_shared<made_up>(name);
        work->said = 1ms;
        work->on_trial = [] { std::this_thread::sleep_for(30ms); };
        wanted.workloads.push_back(work);
    }
    const results all = run_quietly(wanted);
    EXPECT_LT(all.seconds, 1);
    std::size_t trials = 0;
    for (const series& one : all.measured) trials += one.samples.size();
    EXPECT_GE(trials, 3U);
    EXPECT_LT(trials, 20U);
    for (const series& one : all.measured) EXPECT_GE(one.samples.size(), 3U) << one.workload << ": too few say nothing";
    EXPECT_THAT(all.left_out, Contains(Field(&skipped::why, HasSubstr("longer than expected"))));
    EXPECT_TRUE(all.complete);
}

TEST(budget, goes_to_the_next_when_nobody_could_do_the_first) {
    plan wanted{.contenders = {"bare/a"}, .points = {"1"}, .rounds = 5};
    wanted.each = {.warm_up = 0s, .length = 0s};
    wanted.most = wanted.each;
    wanted.budget = 20ms;
    for (const char* name : {"u", "v"}) {
        const auto work = std::make_shared<made_up>(name);
        work->said = 1ms;
        work->on_trial = [] { std::this_thread::sleep_for(30ms); };
        if (wanted.workloads.empty()) work->failing = "bare/a";
        wanted.workloads.push_back(work);
    }
    const results all = run_quietly(wanted);
    ASSERT_EQ(all.measured.size(), 1U);
    EXPECT_EQ(all.measured[0].workload, "v");
    EXPECT_EQ(all.measured[0].samples.size(), 3U);
    EXPECT_THAT(all.left_out, Contains(Field(&skipped::what, "u, 1, bare/a")));
    EXPECT_THAT(all.left_out, Contains(Field(&skipped::what, "v, 1, from round 4 on")));
}

TEST(progress, goes_from_nothing_to_all) {
    const auto work = std::make_shared<made_up>("w");
    std::vector<progress> told;
    run(one_point_of(work), [&](const progress& at) { told.push_back(at); });
    ASSERT_EQ(told.size(), 15U);
    EXPECT_LT(told.front().done, 0.1);
    EXPECT_GT(told.front().remaining, told.back().remaining);
    EXPECT_EQ(told.back().round, 5U);
    EXPECT_TRUE(std::ranges::is_sorted(told, std::ranges::greater{}, &progress::remaining));
}

TEST(seldom_chosen, are_variants_and_what_is_measured_to_be_shown) {
    for (const char* name : {"bare/poll", "penstock/select", "penstock/epoll:level", "bare/sigio"}) {
        EXPECT_TRUE(seldom_chosen({name})) << name;
    }
    for (const char* name : {"bare/epoll", "penstock/io_uring", "libuv", "penstock/threads"}) {
        EXPECT_FALSE(seldom_chosen({name})) << name;
    }
}

}  // namespace
}  // namespace iobench
