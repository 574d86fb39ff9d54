#include <penstock/runtime.hpp>

#include <penstock/sleep.hpp>

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>

namespace penstock {
namespace {

using namespace std::chrono_literals;

std::unique_ptr<runtime> make_runtime(unsigned loops) {
    auto made = runtime::create({.loops = loops, .loop = {.backend = "epoll"}});
    if (!made) throw std::runtime_error(made.error().message);
    return std::move(*made);
}

std::string thread_name() {
    char name[16];
    ::pthread_getname_np(::pthread_self(), name, sizeof name);
    return name;
}

std::size_t threads_of_this_process() {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) ++count;
    return count;
}

task<result<void>> sleep_long() { co_return co_await sleep_for(1h); }

TEST(runtime, runs_the_work_once_on_each_loop_and_on_a_thread_of_its_own) {
    const auto rt = make_runtime(3);
    ASSERT_EQ(rt->size(), 3U);
    std::mutex mutex;
    std::set<loop*> loops;
    std::set<std::string> names;
    const std::thread::id caller = std::this_thread::get_id();
    EXPECT_TRUE(rt->run([&](loop& on) -> task<> {
        static_cast<void>(co_await sleep_for(1ms));
        const std::scoped_lock lock(mutex);
        loops.insert(&on);
        names.insert(thread_name());
        EXPECT_EQ(&on, current_loop);
        EXPECT_EQ(&on == &rt->loop(0), std::this_thread::get_id() == caller);
    }));
    EXPECT_EQ(loops, (std::set<loop*>{&rt->loop(0), &rt->loop(1), &rt->loop(2)}));
    EXPECT_TRUE(names.contains("penstock/1") && names.contains("penstock/2"));
}

TEST(runtime, has_a_loop_for_each_processor_by_default) {
    auto made = runtime::create({.loop = {.backend = "epoll"}});
    ASSERT_TRUE(made);
    EXPECT_GE((*made)->size(), 1U);
    EXPECT_LE((*made)->size(), std::thread::hardware_concurrency());
}

TEST(runtime, can_run_again_after_success) {
    const auto rt = make_runtime(2);
    std::atomic<int> runs{0};
    for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(rt->run([&](loop&) -> task<result<void>> {
            ++runs;
            co_return result<void>{};
        }));
    }
    EXPECT_EQ(runs, 100);
}

TEST(runtime, stop_ends_every_loop_from_any_thread) {
    const auto rt = make_runtime(3);
    std::thread stopper([&] {
        std::this_thread::sleep_for(5ms);
        rt->stop();
    });
    EXPECT_EQ(rt->run([](loop&) { return sleep_long(); }).error(), std::errc::operation_canceled);
    stopper.join();
    EXPECT_EQ(rt->run([](loop&) { return sleep_long(); }).error(), errc::loop_stopped);
}

TEST(runtime, may_end_while_the_stop_that_ended_it_is_still_under_way) {
    for (int i = 0; i < 100; ++i) {
        auto rt = make_runtime(2);
        std::thread stopper([&rt = *rt] { rt.stop(); });
        EXPECT_FALSE(rt->run([](loop&) { return sleep_long(); }));
        stopper.join();  // the runtime is not reached through the pointer any more by then
        rt.reset();
    }
    for (int i = 0; i < 100; ++i) {
        auto rt = make_runtime(2);
        std::atomic<bool> inside{false};
        std::thread stopper([&rt = *rt, &inside] {
            while (!inside) std::this_thread::yield();
            rt.stop();
        });
        EXPECT_FALSE(rt->run([&](loop&) {
            inside = true;
            return sleep_long();
        }));
        rt.reset();
        stopper.join();
    }
}

TEST(runtime, the_first_error_stops_the_others_and_is_what_is_returned) {
    const auto rt = make_runtime(3);
    std::atomic<int> cancelled{0};
    const auto r = rt->run([&](loop& on) -> task<result<void>> {
        if (&on == &rt->loop(2)) co_return fail(std::errc::address_in_use);
        const auto slept = co_await sleep_long();
        cancelled += slept.has_value() ? 0 : 1;
        co_return slept;
    });
    EXPECT_EQ(r.error(), std::errc::address_in_use);
    EXPECT_EQ(cancelled, 2);
}

TEST(runtime, rethrows_the_first_exception_when_all_have_ended) {
    const auto rt = make_runtime(2);
    std::atomic<int> ended{0};
    std::string caught;
    try {
        static_cast<void>(rt->run([&](loop& on) -> task<> {
            if (&on == &rt->loop(1)) throw std::runtime_error("no luck");
            static_cast<void>(co_await sleep_long());
            ++ended;
        }));
    } catch (const std::runtime_error& e) {
        caught = e.what();
    }
    EXPECT_EQ(caught, "no luck");
    EXPECT_EQ(ended, 1);
    EXPECT_EQ(rt->run([](loop&) { return sleep_long(); }).error(), errc::loop_stopped);
}

TEST(runtime, leaves_nothing_behind_when_a_loop_cannot_be_had) {
    std::thread([] {}).join();  // a sanitizer starts one of its own with the first
    const std::size_t before = threads_of_this_process();
    const auto unknown = runtime::create({.loops = 3, .loop = {.backend = "no such"}});
    ASSERT_FALSE(unknown);
    EXPECT_EQ(unknown.error().code, std::errc::invalid_argument);
    EXPECT_NE(unknown.error().message.find("unknown backend 'no such'"), std::string::npos) << unknown.error().message;
    // The kernel forgets a thread a moment after it was joined.
    for (int i = 0; i < 1000 && threads_of_this_process() > before; ++i) std::this_thread::sleep_for(1ms);
    EXPECT_LE(threads_of_this_process(), before);
}

TEST(runtime, refuses_signals_that_cannot_be_blocked) {
    EXPECT_EQ(runtime::create({.loops = 1, .signals = {SIGKILL}}).error().code, std::errc::invalid_argument);
    EXPECT_EQ(runtime::create({.loops = 1, .signals = {SIGHUP, 100}}).error().code, std::errc::invalid_argument);
}

TEST(runtime, loops_reach_each_other_by_post) {
    const auto rt = make_runtime(2);
    std::atomic<int> handed_over{0};
    EXPECT_TRUE(rt->run([&](loop& on) -> task<> {
        loop& other = rt->loop(&on == &rt->loop(0) ? 1 : 0);
        for (int sent = 0; sent < 5000;) {
            if (other.post([&handed_over, &other] {
                    EXPECT_EQ(current_loop, &other);
                    ++handed_over;
                })) {
                ++sent;
            } else {
                co_await yield();  // full: the other has to catch up
            }
        }
        while (handed_over != 10000) co_await yield();
    }));
    EXPECT_EQ(handed_over, 10000);
}

TEST(runtime, drops_what_is_posted_to_a_loop_that_runs_no_more) {
    auto shared = std::make_shared<int>(0);
    {
        const auto rt = make_runtime(2);
        EXPECT_TRUE(rt->loop(1).post([shared, &rt = *rt] { ADD_FAILURE() << rt.size(); }));
    }
    EXPECT_EQ(shared.use_count(), 1);
}

}  // namespace
}  // namespace penstock
