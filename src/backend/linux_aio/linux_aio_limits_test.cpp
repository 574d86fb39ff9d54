// More of everything than the kernel has slots for, wake-ups, deadlines, and how it ends.
#include "backend/linux_aio/linux_aio_backend.hpp"
#include "backend/linux_aio/linux_aio_fixture.hpp"
#include "backend/readiness/make_mechanism.hpp"

#include <array>
#include <atomic>
#include <memory>
#include <vector>

namespace penstock::detail {
namespace {

struct pair {
    pair() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
        near = unique_fd(ends[0]);
        far = unique_fd(ends[1]);
    }
    unique_fd near;
    unique_fd far;
};

TEST_F(linux_aio_test, sockets_beyond_the_slots_are_watched_all_the_same) {
    options.aio_slots = 16;
    create();
    std::vector<pair> pairs(200);
    std::vector<std::unique_ptr<receive_op>> waiting;
    for (const pair& p : pairs) {
        waiting.push_back(std::make_unique<receive_op>(handle{p.far.get()}));
        ASSERT_EQ(submit(*waiting.back()), submitted::queued);
    }
    turn(duration::zero());
    for (int round = 0; round < 20; ++round) {
        for (std::size_t i = 0; i < pairs.size(); ++i) put(pairs[i].near.get(), std::to_string(i));
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            ASSERT_GT(finish(*waiting[i]), 0);
            EXPECT_EQ(taken(*waiting[i]), std::to_string(i));
        }
        for (const auto& op : waiting) ASSERT_EQ(submit(*op), submitted::queued);
    }
    EXPECT_GT(target->statistics().slot_waits, 0U);
    for (const auto& op : waiting) {
        cancel(*op);
        EXPECT_EQ(finish(*op), -ECANCELED);
    }
    for (const pair& p : pairs) close({p.far.get()}, true);
}

TEST_F(linux_aio_test, more_transfers_in_one_turn_than_the_kernel_has_slots) {
    options.aio_slots = 8;
    create();
    std::vector<pair> pairs(300);
    const io_slice slice(std::string_view("hello"));
    std::vector<std::unique_ptr<send_op>> sends;
    for (const pair& p : pairs) {
        sends.push_back(std::make_unique<send_op>(handle{p.near.get()}, &slice, 1));
        if (submit(*sends.back()) == submitted::completed) sends.back()->final = true;
    }
    for (const auto& op : sends) EXPECT_EQ(finish(*op), 0);
    std::array<char, 16> text{};
    for (const pair& p : pairs) EXPECT_EQ(::recv(p.far.get(), text.data(), text.size(), 0), 5);
    for (const pair& p : pairs) close({p.near.get()}, true);
}

TEST_F(linux_aio_test, completions_are_found_without_the_ring_too) {
    auto ring = aio_ring::create(64);
    auto nested = nested_epoll::create();
    ring->stop_reading_in_user_space();
    auto made = make_mechanism<linux_aio_backend>(environment(), std::move(*ring), std::move(*nested));
    ASSERT_TRUE(made.has_value()) << made.error().message;
    target = std::move(*made);
    const pair p;
    receive_op op({p.far.get()});
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(submit(op), submitted::queued);
        if (i % 2 == 0) turn(duration::zero());
        ASSERT_EQ(send({p.near.get()}, "by call"), 0);
        ASSERT_GT(finish(op), 0);
        ASSERT_EQ(taken(op), "by call");
    }
    target->wake();
    turn(duration::max());
    close({p.far.get()}, true);
    close({p.near.get()}, true);
}

TEST_F(linux_aio_test, a_deadline_ends_the_wait_and_one_that_is_past_only_polls) {
    const time_point before = clock::now();
    turn(30ms);
    EXPECT_GE(clock::now() - before, 30ms);
    const time_point now = clock::now();
    target->wait(now, now - 1s, out);
    EXPECT_LT(clock::now() - now, 1s);
}

TEST_F(linux_aio_test, a_wake_up_before_the_wait_ends_it) {
    for (int i = 0; i < 100; ++i) {
        target->wake();
        turn(duration::max());
    }
}

// Each side goes on only when the other has woken it, so one lost wake-up would hang here.
TEST_F(linux_aio_test, no_wake_up_is_lost) {
    constexpr int rounds = 20'000;
    std::atomic<int> asked{0};
    std::atomic<int> answered{0};
    std::thread other([&] {
        for (int i = 1; i <= rounds; ++i) {
            asked.store(i);
            target->wake();
            while (answered.load() < i) std::this_thread::yield();
        }
    });
    while (answered.load() < rounds) {
        turn(duration::max());
        answered.store(asked.load());
    }
    other.join();
}

TEST_F(linux_aio_test, a_storm_of_wake_ups_disturbs_nothing) {
    const pair p;
    std::atomic<bool> stop{false};
    std::vector<std::thread> storm;
    for (int i = 0; i < 3; ++i) {
        storm.emplace_back([&] {
            while (!stop.load()) {
                target->wake();
                std::this_thread::yield();
            }
        });
    }
    receive_op op({p.far.get()});
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(submit(op), submitted::queued);
        ASSERT_EQ(send({p.near.get()}, "calm"), 0);
        ASSERT_EQ(finish(op), 4);
        ASSERT_EQ(taken(op), "calm");
    }
    stop = true;
    for (std::thread& thread : storm) thread.join();
    close({p.far.get()}, true);
    close({p.near.get()}, true);
}

TEST_F(linux_aio_test, it_may_end_with_polls_armed_and_abandoned) {
    std::vector<pair> pairs(100);
    std::vector<std::unique_ptr<receive_op>> waiting;
    for (const pair& p : pairs) {
        waiting.push_back(std::make_unique<receive_op>(handle{p.far.get()}));
        ASSERT_EQ(submit(*waiting.back()), submitted::queued);
    }
    turn(duration::zero());
    for (const auto& op : waiting) cancel(*op);
    for (std::size_t i = 0; i < pairs.size() / 2; ++i) close({pairs[i].far.get()}, true);
    target.reset();
}

TEST_F(linux_aio_test, it_says_honestly_what_it_does_itself) {
    options.denied = {op_kind::receive};
    create();
    const capability_table& table = target->capabilities();
    EXPECT_EQ(table[op_kind::send].support, support::native);
    EXPECT_EQ(table[op_kind::accept].support, support::emulated);
    EXPECT_EQ(table[op_kind::read_at].support, support::native);
    EXPECT_EQ(table[op_kind::sync].cancellation, cancellation::at_completion);
    EXPECT_EQ(table[op_kind::status].support, support::offloaded);
    EXPECT_EQ(table[op_kind::receive].support, support::unsupported);
    const pair p;
    receive_op denied({p.far.get()});
    EXPECT_EQ(perform(denied), -EOPNOTSUPP);
    options.files = file_engine::threads;
    create();
    EXPECT_EQ(target->capabilities()[op_kind::read_at].support, support::offloaded);
}

}  // namespace
}  // namespace penstock::detail
