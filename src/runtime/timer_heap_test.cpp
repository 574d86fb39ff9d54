#include <penstock/detail/timer_heap.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <set>
#include <utility>

namespace penstock::detail {
namespace {

time_point at(int n) { return time_point(duration(n)); }

// Against a std::set: deadlines that coincide, timers cancelled wherever they are in the heap, and set again.
TEST(timer_heap, does_what_a_sorted_set_does) {
    for (unsigned seed = 0; seed < 50; ++seed) {
        std::mt19937 random(seed);
        std::array<timer_node, 40> timers;
        std::set<std::pair<time_point, timer_node*>> model;
        timer_heap heap;
        for (int step = 0; step < 2000; ++step) {
            timer_node& timer = timers[random() % timers.size()];
            if (timer.set) {
                model.erase({timer.deadline, &timer});
                heap.cancel(timer);
            } else if (random() % 4 != 0) {
                heap.set(timer, at(static_cast<int>(random() % 16)));
                model.emplace(timer.deadline, &timer);
            }
            if (random() % 8 == 0) {
                const time_point now = at(static_cast<int>(random() % 16));
                while (timer_node* const due = heap.pop_due(now)) {
                    ASSERT_FALSE(due->set);
                    ASSERT_EQ(due->deadline, model.begin()->first) << "seed " << seed;
                    ASSERT_EQ(model.erase({due->deadline, due}), 1U) << "seed " << seed;
                }
            }
            ASSERT_EQ(heap.size(), model.size());
            ASSERT_EQ(heap.empty(), model.empty());
            ASSERT_EQ(heap.next(), model.empty() ? never : model.begin()->first) << "seed " << seed << " step " << step;
        }
        for (timer_node& timer : timers) heap.cancel(timer);
        EXPECT_TRUE(heap.empty());
    }
}

TEST(timer_heap, cancelling_what_is_not_set_is_harmless) {
    timer_heap heap;
    timer_node timer;
    heap.cancel(timer);
    heap.set(timer, never);
    EXPECT_EQ(heap.pop_due(at(1000)), nullptr);
    heap.cancel(timer);
    heap.cancel(timer);
    EXPECT_EQ(heap.size(), 0U);
}

}  // namespace
}  // namespace penstock::detail
