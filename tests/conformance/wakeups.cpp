// Wake-ups from other threads: posts, remote items, storms of both.
#include "support/on_backend.hpp"

#include <atomic>
#include <latch>
#include <thread>
#include <vector>

namespace penstock::testing {
namespace {

using wakeups = on_backend;
PENSTOCK_ON_EVERY_BACKEND(wakeups);

// Runs until `done` is posted to; nothing else keeps the loop busy, so it sleeps in the kernel meanwhile.
class door_bell {
  public:
    void ring() {
        rung_ = true;
        waiter_ ? std::exchange(waiter_, nullptr).resume() : void();
    }
    auto wait() {
        struct awaiter {
            door_bell& bell;
            bool await_ready() const noexcept { return bell.rung_; }
            void await_suspend(std::coroutine_handle<> h) const noexcept { bell.waiter_ = h; }
            void await_resume() const noexcept {}
        };
        return awaiter{*this};
    }

  private:
    std::coroutine_handle<> waiter_;
    bool rung_ = false;
};

task<> wait_for(door_bell& bell) { co_await bell.wait(); }

TEST_P(wakeups, a_post_wakes_a_loop_that_sleeps) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    for (int i = 0; i < 200; ++i) {
        door_bell bell;
        std::thread other([&, i] {
            if (i % 4 == 0) std::this_thread::sleep_for(1ms);  // so that the loop does sleep, now and then
            EXPECT_TRUE(l->post([&] { bell.ring(); }));
        });
        l->run(wait_for(bell));
        other.join();
    }
    EXPECT_EQ(l->statistics().posted, 200U);
    expect_idle(*l);
}

TEST_P(wakeups, storms_of_posts_lose_none_and_keep_each_producers_order) {
    constexpr int producers = 4;
    const int each = full_scale() ? 100'000 : 20'000;
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    std::vector<int> next(producers, 0);
    int left = producers * each;
    door_bell bell;
    std::vector<std::thread> threads;
    std::atomic<std::uint64_t> refusals{0};
    for (int p = 0; p < producers; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; i < each; ++i) {
                const auto arrive = [&, p, i] {
                    EXPECT_EQ(next[static_cast<std::size_t>(p)], i) << "producer " << p;
                    next[static_cast<std::size_t>(p)] = i + 1;
                    if (--left == 0) bell.ring();
                };
                while (!l->post(arrive)) {
                    ++refusals;
                    std::this_thread::yield();
                }
            }
        });
    }
    l->run(wait_for(bell));
    for (std::thread& t : threads) t.join();
    EXPECT_EQ(l->statistics().posted, static_cast<std::uint64_t>(producers) * static_cast<std::uint64_t>(each));
    EXPECT_EQ(l->statistics().post_refused, refusals.load());
    expect_idle(*l);
}

TEST_P(wakeups, a_full_queue_refuses_and_keeps_what_it_has) {
    loop_options small = options();
    small.post_capacity = 8;
    const auto l = make_loop(small);
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    int ran = 0;
    int accepted = 0;
    for (int i = 0; i < 20; ++i) accepted += l->post([&] { ++ran; }) ? 1 : 0;
    EXPECT_EQ(accepted, 8);
    EXPECT_EQ(l->statistics().post_refused, 12U);
    l->run([](const int& seen) -> task<> { co_await until([&] { return seen == 8; }); }(ran));
    EXPECT_EQ(ran, 8);
    EXPECT_TRUE(l->post([&] { ++ran; }));
    l->run([](const int& seen) -> task<> { co_await until([&] { return seen == 9; }); }(ran));
    expect_idle(*l);
}

TEST_P(wakeups, what_is_posted_from_inside_runs_later_and_not_at_once) {
    run([]() -> task<> {
        std::vector<int> order;
        EXPECT_TRUE(current_loop->post([&] {
            order.push_back(1);
            EXPECT_TRUE(current_loop->post([&] { order.push_back(3); }));
            order.push_back(2);
        }));
        EXPECT_TRUE(order.empty());
        co_await until([&] { return order.size() == 3; });
        EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
    });
}

struct remote_item : detail::ready_item {
    int number = 0;
    std::vector<int>* arrived = nullptr;
    door_bell* bell = nullptr;
};

TEST_P(wakeups, remote_items_are_never_refused_and_stay_in_order) {
    constexpr int producers = 3;
    constexpr int each = 5000;
    loop_options small = options();
    small.post_capacity = 2;
    const auto l = make_loop(small);
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    std::vector<std::vector<int>> arrived(producers);
    std::vector<remote_item> items(std::size_t{producers} * each);
    std::vector<std::thread> threads;
    for (int p = 0; p < producers; ++p) {
        threads.emplace_back([&, p] {
            for (int i = 0; i < each; ++i) {
                remote_item& item = items[static_cast<std::size_t>(p * each + i)];
                item.number = i;
                item.arrived = &arrived[static_cast<std::size_t>(p)];
                item.run = [](detail::ready_item& r) noexcept {
                    static_cast<remote_item&>(r).arrived->push_back(static_cast<remote_item&>(r).number);
                };
                l->enqueue_remote(item);
            }
        });
    }
    const auto all_arrived = [&] {
        std::size_t count = 0;
        for (const auto& of_one : arrived) count += of_one.size();
        return count == items.size();
    };
    l->run([](auto all) -> task<> { co_await until(all); }(all_arrived));
    for (std::thread& t : threads) t.join();
    for (const auto& of_one : arrived) {
        for (int i = 0; i < each; ++i) ASSERT_EQ(of_one[static_cast<std::size_t>(i)], i);
    }
    expect_idle(*l);
}

TEST_P(wakeups, posts_beside_busy_streams) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    int ran = 0;  // what is posted last is run last, by expect_idle()
    {
        const watched watching(*l);
        std::atomic<bool> stop{false};
        std::thread other([&] {
            while (!stop) static_cast<void>(l->post([&] { ++ran; }));
        });
        l->run([](const int& seen) -> task<> {
            auto pair = co_await connected();
            for (int i = 0; i < 2000 || seen < 100; ++i) {
                must(co_await pair.near.send("ping"));
                EXPECT_EQ(co_await receive_exactly(pair.far, 4), "ping");
            }
        }(ran));
        stop = true;
        other.join();
        EXPECT_GE(ran, 100);
    }
    expect_idle(*l);
}

TEST_P(wakeups, two_loops_on_two_threads_wake_each_other) {
    const auto one = make_loop();
    ASSERT_NE(one, nullptr);
    const watched watching(*one);
    constexpr int rounds = 2000;
    std::atomic<loop*> other{nullptr};
    door_bell here;
    int left = rounds;
    std::thread thread([&, wanted = options()] {
        const auto two = make_loop(wanted);
        if (two == nullptr) return;
        door_bell there;
        other = two.get();
        std::function<void()> pong = [&] {
            const bool last = left == 1;
            while (!one->post([&] { --left == 0 ? here.ring() : static_cast<void>(other.load()->post(pong)); })) {
            }
            if (last) there.ring();
        };
        while (!two->post(pong)) {
        }
        two->run(wait_for(there));
    });
    one->run(wait_for(here));
    thread.join();
    EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace penstock::testing
