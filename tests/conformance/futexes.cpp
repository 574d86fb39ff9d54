// Waiting for words of memory, which other tasks, threads and processes change.
#include "support/on_backend.hpp"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

namespace penstock::testing {
namespace {

using word = std::atomic<std::uint32_t>;

class futexes : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (IsSkipped()) return;
        for (const op_kind kind : {op_kind::futex_wait, op_kind::futex_wake}) {
            if (capabilities()[kind].support == support::unsupported) GTEST_SKIP() << capabilities()[kind].why;
        }
    }
};
PENSTOCK_ON_EVERY_BACKEND(futexes);

task<> wait_for_change(const word& of, int& awake) {
    while (of.load() == 0) must(co_await futex_wait(of, 0));
    ++awake;
}

TEST_P(futexes, a_word_of_another_value_is_not_waited_for) {
    run([]() -> task<> {
        const word changed{7};
        must(co_await futex_wait(changed, 6));
        EXPECT_EQ(must(co_await futex_wake(changed)), 0U);
    });
}

/// Wakes until that many were: who waits may not have begun yet.
task<> wake_exactly(const word& of, std::uint32_t count) {
    for (std::uint32_t woken = 0; woken < count; co_await yield()) {
        woken += must(co_await futex_wake(of, count - woken));
    }
}

TEST_P(futexes, who_waits_is_woken_by_a_task_of_the_loop) {
    run([]() -> task<> {
        word changing{0};
        int awake = 0;
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 3; ++i) spawn(s, wait_for_change(changing, awake));
            co_await turns(3);
            EXPECT_EQ(awake, 0);
            changing = 1;
            must(co_await futex_wake(changing, 3));
            while (awake != 3) {  // one that had not begun to sleep sees the value
                must(co_await futex_wake(changing, 3));
                co_await yield();
            }
            co_await s.join();
        });
    });
}

task<> wait_once(const word& of, int& awake) {
    must(co_await futex_wait(of, 0));
    ++awake;
}

TEST_P(futexes, a_wake_up_ends_a_wait_although_nothing_has_changed) {
    run([]() -> task<> {
        const word unchanged{0};
        int awake = 0;
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 4; ++i) spawn(s, wait_once(unchanged, awake));
            co_await wake_exactly(unchanged, 1);
            co_await until([&] { return awake == 1; });
            co_await wake_exactly(unchanged, 3);
            co_await s.join();
            EXPECT_EQ(awake, 4);
        });
    });
}

TEST_P(futexes, a_cancelled_wait_ends_and_takes_no_wake_up) {
    run([]() -> task<> {
        const word unchanged{0};
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, futex_wait(unchanged, 0));
            EXPECT_TRUE(is_cancelled(r));
        }
        EXPECT_EQ(must(co_await futex_wake(unchanged, 100)), 0U);
    });
}

TEST_P(futexes, a_thread_wakes_the_loop_as_any_other_thread) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        word turn{0};
        std::thread other([&] {
            for (std::uint32_t mine = 1; mine < 200; mine += 2) {
                while (turn.load() != mine) turn.wait(mine - 1);
                turn = mine + 1;
                ::syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
            }
        });
        for (std::uint32_t mine = 0; mine < 200; mine += 2) {
            while (turn.load() != mine) must(co_await futex_wait(turn, mine - 1));
            turn = mine + 1;
            turn.notify_one();
        }
        other.join();
    });
}

TEST_P(futexes, a_process_that_shares_the_memory_wakes_the_loop) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        void* const memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        auto& shared = *new (memory) word(0);
        const ::pid_t child = ::fork();
        if (child == 0) {
            while (shared.load() == 0) ::usleep(100);
            shared = 2;
            while (::syscall(SYS_futex, &shared, FUTEX_WAKE, 1, nullptr, nullptr, 0) == 0 && shared.load() == 2) {
                ::usleep(100);  // the loop has seen the value before it began to sleep
            }
            ::_exit(0);
        }
        shared = 1;
        while (shared.load() == 1) must(co_await futex_wait(shared, 1, futex_reach::machine));
        shared = 3;
        must(co_await futex_wake(shared, 1, futex_reach::machine));
        const auto ended = must(co_await wait_for_child(child));
        EXPECT_FALSE(ended.by_signal);
        ::munmap(memory, 4096);
    });
}

TEST_P(futexes, more_waits_than_threads_are_refused_one_by_one) {
    const bool native = capabilities()[op_kind::futex_wait].support == support::native;
    if (native && capabilities().most_waiting == 0) GTEST_SKIP() << "any number can wait: no thread is needed";
    loop_options few = options();
    few.bounds.most_sleeping = 2;
    few.bounds.max_threads = 4;  // of which two may wait
    run(few, []() -> task<> {
        const word unchanged{0};
        int awake = 0;
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 2; ++i) spawn(s, wait_once(unchanged, awake));
            co_await turns(2);
            const auto refused = co_await futex_wait(unchanged, 0);
            EXPECT_TRUE(is_error(refused, errc::too_many_blocked_operations));
            co_await wake_exactly(unchanged, 2);
            co_await s.join();
            EXPECT_EQ(awake, 2);
        });
        const auto again = co_await cancelled_after(3, futex_wait(unchanged, 0));
        EXPECT_TRUE(is_cancelled(again));
    });
}

TEST_P(futexes, waits_do_not_keep_files_waiting) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    loop_options few = options();
    few.worker_threads = 1;
    run(few, []() -> task<> {
        const word unchanged{0};
        int awake = 0;
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 3; ++i) spawn(s, wait_once(unchanged, awake));
            co_await turns(2);
            auto file = must(co_await fs::open("/proc/self/stat"));
            must(co_await file.close());
            co_await wake_exactly(unchanged, 3);
            co_await s.join();
        });
    });
}

task<> wait_in_vain(const word& of) {
    const auto r = co_await futex_wait(of, 0);
    EXPECT_TRUE(is_cancelled(r));
}

TEST_P(futexes, an_end_of_their_scope_ends_all_waits) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const word unchanged{0};
    const watched watching(*l);
    l->run([](const word& of) -> task<> {
        co_await with_scope([&](scope& s) -> task<> {
            for (int i = 0; i < 3; ++i) spawn(s, wait_in_vain(of));
            co_await turns(2);
        });
    }(unchanged));
    expect_idle(*l);
}

}  // namespace
}  // namespace penstock::testing
