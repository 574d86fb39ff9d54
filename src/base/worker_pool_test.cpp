#include "base/worker_pool.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <semaphore>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

using namespace std::chrono_literals;

// A job that begins, then stays until it is let go. It must outlive the threads of its pool.
struct gated_job : job {
    explicit gated_job(const char* n = "gated") {
        name = n;
        run = [](job& self) noexcept {
            auto& gated = static_cast<gated_job&>(self);
            gated.begun.release();
            gated.gate.acquire();
            gated.runs.fetch_add(1);
        };
    }
    std::binary_semaphore begun{0};
    std::binary_semaphore gate{0};
    std::atomic<int> runs{0};
};

void await_no_thread(const worker_pool& pool) {
    while (pool.statistics().threads != 0) std::this_thread::yield();
}

bool is_working(const worker_statistics& seen) { return seen.busy != 0 || seen.queued != 0; }

TEST(worker_pool, starts_no_thread_before_it_has_work) {
    worker_pool pool(4, 4);
    EXPECT_EQ(pool.statistics().threads, 0U);
    EXPECT_TRUE(pool.join(10s).empty());
}

TEST(worker_pool, refuses_beyond_its_bounds_and_runs_each_job_once) {
    gated_job jobs[6];
    worker_pool pool(2, 3);
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(pool.submit(jobs[i]));
        jobs[i].begun.acquire();  // so that it no longer waits
    }
    for (int i = 2; i < 5; ++i) EXPECT_TRUE(pool.submit(jobs[i]));
    EXPECT_FALSE(pool.submit(jobs[5]));

    const worker_statistics full = pool.statistics();
    EXPECT_EQ(full.threads, 2U);
    EXPECT_EQ(full.busy, 2U);
    EXPECT_EQ(full.queued, 3U);
    EXPECT_EQ(full.most_queued, 3U);
    EXPECT_EQ(full.refused, 1U);

    for (gated_job& j : jobs) j.gate.release();
    EXPECT_TRUE(pool.join(10s).empty());
    for (int i = 0; i < 5; ++i) EXPECT_EQ(jobs[i].runs, 1) << i;
    EXPECT_EQ(jobs[5].runs, 0);
}

TEST(worker_pool, uses_an_idle_thread_before_it_starts_another) {
    worker_pool pool(8, 8);
    for (int i = 0; i < 20; ++i) {
        gated_job one;
        one.gate.release();
        ASSERT_TRUE(pool.submit(one));
        while (is_working(pool.statistics())) std::this_thread::yield();
        EXPECT_EQ(one.runs, 1);
    }
    EXPECT_EQ(pool.statistics().threads, 1U);
}

TEST(worker_pool, never_runs_more_at_once_than_it_has_threads) {
    struct counted_job : job {
        std::atomic<int>* now = nullptr;
        std::atomic<int>* most = nullptr;
        std::atomic<int>* total = nullptr;
    };
    constexpr std::size_t submitters = 4;
    constexpr std::size_t each = 500;
    constexpr int threads = 3;
    std::atomic<int> now{0};
    std::atomic<int> most{0};
    std::atomic<int> total{0};
    std::vector<counted_job> jobs(submitters * each);
    worker_pool pool(threads, 16);
    {
        std::vector<std::jthread> callers;
        callers.reserve(submitters);
        for (std::size_t s = 0; s < submitters; ++s) {
            callers.emplace_back([&, s] {
                for (std::size_t i = 0; i < each; ++i) {
                    counted_job& j = jobs[s * each + i];
                    j.now = &now;
                    j.most = &most;
                    j.total = &total;
                    j.run = [](job& self) noexcept {
                        const auto& c = static_cast<counted_job&>(self);
                        const int running = c.now->fetch_add(1) + 1;
                        for (int seen = *c.most; seen < running && !c.most->compare_exchange_weak(seen, running);) {
                        }
                        c.now->fetch_sub(1);
                        c.total->fetch_add(1);
                    };
                    while (!pool.submit(j)) std::this_thread::yield();
                }
            });
        }
    }
    EXPECT_TRUE(pool.join(60s).empty());
    EXPECT_EQ(total, static_cast<int>(submitters * each));
    EXPECT_LE(most, threads);
}

TEST(worker_pool, withdraws_only_what_no_worker_has_begun) {
    gated_job running;
    gated_job waiting;
    gated_job stranger;
    worker_pool pool(1, 4);
    ASSERT_TRUE(pool.submit(running));
    running.begun.acquire();
    ASSERT_TRUE(pool.submit(waiting));

    EXPECT_FALSE(pool.withdraw(running));
    EXPECT_FALSE(pool.withdraw(stranger));
    EXPECT_TRUE(pool.withdraw(waiting));
    EXPECT_FALSE(pool.withdraw(waiting));
    EXPECT_EQ(pool.statistics().queued, 0U);

    running.gate.release();
    EXPECT_TRUE(pool.join(10s).empty());
    EXPECT_EQ(running.runs, 1);
    EXPECT_EQ(waiting.runs, 0);
}

TEST(worker_pool, workers_block_every_signal_and_the_caller_keeps_its_own) {
    struct mask_job : job {
        ::sigset_t mask;
    } observed;
    observed.run = [](job& self) noexcept {
        ::pthread_sigmask(SIG_SETMASK, nullptr, &static_cast<mask_job&>(self).mask);
    };
    ::sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    worker_pool pool(1, 1);
    ASSERT_TRUE(pool.submit(observed));
    EXPECT_TRUE(pool.join(10s).empty());
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGUSR1, SIGCHLD}) {
        EXPECT_EQ(::sigismember(&observed.mask, number), 1) << number;
    }
    ::sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int number = 1; number < 32; ++number) {
        EXPECT_EQ(::sigismember(&after, number), ::sigismember(&before, number)) << number;
    }
}

TEST(worker_pool, join_finishes_what_waits_and_then_takes_no_more) {
    gated_job first;
    gated_job second;
    gated_job late;
    worker_pool pool(1, 4);
    ASSERT_TRUE(pool.submit(first));
    ASSERT_TRUE(pool.submit(second));
    first.gate.release();
    second.gate.release();
    EXPECT_TRUE(pool.join(10s).empty());
    EXPECT_EQ(first.runs, 1);
    EXPECT_EQ(second.runs, 1);
    EXPECT_FALSE(pool.submit(late));
    EXPECT_EQ(pool.statistics().threads, 0U);
}

TEST(worker_pool, join_names_and_abandons_what_hangs) {
    gated_job hanging("look-up of a name");
    gated_job ended("read_at");
    worker_pool pool(2, 2);
    ASSERT_TRUE(pool.submit(hanging));
    hanging.begun.acquire();
    ASSERT_TRUE(pool.submit(ended));
    ended.gate.release();

    ::testing::internal::CaptureStderr();
    const std::vector<std::string> names = pool.join(20ms);
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_EQ(names, std::vector<std::string>{"look-up of a name"});
    EXPECT_EQ(said, "penstock: abandoning a job that does not end: look-up of a name\n");

    hanging.gate.release();
    await_no_thread(pool);
    EXPECT_EQ(hanging.runs, 1);
}

TEST(worker_pool, what_waited_behind_a_hanging_job_is_never_begun_after_join) {
    gated_job hanging("hanging");
    gated_job behind("behind");
    worker_pool pool(1, 2);
    ASSERT_TRUE(pool.submit(hanging));
    hanging.begun.acquire();
    ASSERT_TRUE(pool.submit(behind));
    behind.gate.release();

    ::testing::internal::CaptureStderr();
    EXPECT_EQ(pool.join(0s), std::vector<std::string>{"hanging"});
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_TRUE(said.ends_with("penstock: dropping a job that waited behind it: behind\n")) << said;

    hanging.gate.release();  // its owner may free `behind` from here on
    await_no_thread(pool);
    EXPECT_EQ(behind.runs, 0);
}

TEST(worker_pool, destroying_a_joined_pool_does_not_wait_for_the_abandoned) {
    gated_job hanging("hanging");
    auto pool = std::make_unique<worker_pool>(1, 1);
    ASSERT_TRUE(pool->submit(hanging));
    hanging.begun.acquire();

    ::testing::internal::CaptureStderr();
    pool->join(0s);
    ::testing::internal::GetCapturedStderr();

    ::testing::internal::CaptureStderr();
    const auto before = clock::now();
    pool.reset();
    EXPECT_LT(clock::now() - before, 5s);
    EXPECT_EQ(::testing::internal::GetCapturedStderr(), "") << "it was named once";

    hanging.gate.release();
    while (hanging.runs == 0) std::this_thread::yield();
}

}  // namespace
}  // namespace penstock::detail
