// The modes of a ring, each by what the kernel does differently: a flag that is taken and has no effect fails here.
#include "backend/io_uring/ring.hpp"

#include "base/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

using namespace std::chrono_literals;

struct pipe_ends {
    unique_fd reading;
    unique_fd writing;
};

pipe_ends make_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

void put_byte(const pipe_ends& into) { EXPECT_EQ(::write(into.writing.get(), "x", 1), 1); }

class ring_test : public ::testing::Test {
  protected:
    /// A ring with these options; the case is skipped where there is no io_uring.
    ring& make(uring_options wanted) {
        options_ = wanted;
        ring_ = std::make_unique<ring>();
        const ring_request request{.entries = 8,
                                   .completions = 64,
                                   .options = options_,
                                   .used = {IORING_OP_NOP, IORING_OP_POLL_ADD, IORING_OP_ASYNC_CANCEL}};
        if (auto made = ring_->set_up(request); !made) {
            skip_ = made.error().message;
            return *ring_;
        }
        EXPECT_TRUE(ring_->start(request));
        return *ring_;
    }

    const feature_report* feature(std::string_view name) const {
        const auto& all = ring_->features();
        const auto found = std::find_if(all.begin(), all.end(), [&](const auto& f) { return f.name == name; });
        return found == all.end() ? nullptr : &*found;
    }
    bool on(std::string_view name) const { return feature(name) != nullptr && feature(name)->on; }

    static void await_byte(ring& r, const pipe_ends& from) {
        ::io_uring_sqe* const sqe = r.next_sqe();
        ::io_uring_prep_poll_add(sqe, from.reading.get(), POLLIN);
        sqe->user_data = 1;
    }

    static bool comes(const ring& r, duration limit) {
        const time_point end = clock::now() + limit;
        while (!r.has_completions() && clock::now() < end) std::this_thread::yield();
        return r.has_completions();
    }

    uring_options options_;
    std::unique_ptr<ring> ring_;
    std::string skip_;
};

#define NEEDS(feature_name)                    \
    if (!skip_.empty()) GTEST_SKIP() << skip_; \
    if (!on(feature_name)) GTEST_SKIP() << feature_name << ": " << feature(feature_name)->detail

// --- When completions are finished -------------------------------------------------------------------------

TEST_F(ring_test, deferred_work_shows_only_when_it_is_asked_for) {
    ring& r = make({});
    NEEDS("DEFER_TASKRUN");
    const pipe_ends pipe = make_pipe();
    await_byte(r, pipe);
    r.submit();
    put_byte(pipe);
    EXPECT_FALSE(comes(r, 10ms));
    EXPECT_TRUE(r.must_enter());
    r.wait(true, nullptr);
    EXPECT_TRUE(r.has_completions());
}

TEST_F(ring_test, cooperative_work_is_done_at_the_next_system_call) {
    ring& r = make({.task_work = uring_task_work::cooperative});
    NEEDS("COOP_TASKRUN");
    EXPECT_FALSE(on("DEFER_TASKRUN"));
    const pipe_ends pipe = make_pipe();
    await_byte(r, pipe);
    r.submit();
    put_byte(pipe);
    ::syscall(SYS_getppid);
    EXPECT_TRUE(comes(r, 1s));
}

TEST_F(ring_test, interrupting_work_needs_no_call_of_ours) {
    ring& r = make({.task_work = uring_task_work::interrupting});
    if (!skip_.empty()) GTEST_SKIP() << skip_;
    EXPECT_FALSE(on("DEFER_TASKRUN"));
    EXPECT_FALSE(on("COOP_TASKRUN"));
    const pipe_ends pipe = make_pipe();
    await_byte(r, pipe);
    r.submit();
    std::jthread other([&] { put_byte(pipe); });
    bool there = false;
    for (const time_point end = clock::now() + 2s; !there && clock::now() < end;) there = r.has_completions();
    EXPECT_TRUE(there);
}

// --- A thread that takes the submissions -------------------------------------------------------------------

struct kernel_thread {
    std::string id;
    std::string cores;
};

/// The submission threads of this process, by their names.
std::vector<kernel_thread> submission_threads() {
    std::vector<kernel_thread> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(entry.path() / "status");
        kernel_thread thread{.id = entry.path().filename(), .cores = {}};
        bool is_one = false;
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("Name:") && line.find("iou-sqp") != std::string::npos) is_one = true;
            if (line.starts_with("Cpus_allowed_list:")) thread.cores = line.substr(line.find_last_of(" \t") + 1);
        }
        if (is_one) found.push_back(thread);
    }
    return found;
}

TEST_F(ring_test, a_submission_thread_takes_entries_without_a_system_call) {
    ring& r = make({.submission_thread = true, .submission_thread_idle = 2s});
    NEEDS("SQPOLL");
    EXPECT_FALSE(on("DEFER_TASKRUN"));
    ::io_uring_prep_nop(r.next_sqe());
    r.submit();  // may have to wake it
    ASSERT_TRUE(comes(r, 2s));
    r.reap([](const ::io_uring_cqe&) {});
    const std::uint64_t before = r.enters();
    for (int i = 0; i < 100; ++i) {
        ::io_uring_prep_nop(r.next_sqe());
        r.submit();
        ASSERT_TRUE(comes(r, 2s));
        r.reap([](const ::io_uring_cqe&) {});
    }
    EXPECT_EQ(r.enters(), before);
    EXPECT_FALSE(submission_threads().empty());
}

TEST_F(ring_test, a_submission_thread_without_work_sleeps_and_is_woken) {
    ring& r = make({.submission_thread = true, .submission_thread_idle = 1ms});
    NEEDS("SQPOLL");
    const auto sleeps = [&r] {
        return (__atomic_load_n(r.raw()->sq.kflags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP) != 0;
    };
    for (const time_point end = clock::now() + 2s; !sleeps() && clock::now() < end;) std::this_thread::sleep_for(1ms);
    ASSERT_TRUE(sleeps());
    ::io_uring_prep_nop(r.next_sqe());
    const std::uint64_t before = r.enters();
    r.submit();
    EXPECT_EQ(r.enters(), before + 1);
    EXPECT_TRUE(comes(r, 2s));
}

TEST_F(ring_test, a_full_queue_has_room_once_the_submission_thread_has_taken_it) {
    ring& r = make({.submission_thread = true, .submission_thread_idle = 1ms});
    NEEDS("SQPOLL");
    for (int round = 0; round < 50; ++round) {
        while (::io_uring_sqe* const sqe = r.next_sqe()) ::io_uring_prep_nop(sqe);
        ::io_uring_sqe* after = nullptr;
        for (const time_point end = clock::now() + 5s; after == nullptr && clock::now() < end; after = r.next_sqe()) {
            r.submit();  // once, unless the thread has lost its core in between
        }
        ASSERT_NE(after, nullptr) << "round " << round;
        ::io_uring_prep_nop(after);
        r.wait(true, nullptr);
        r.reap([](const ::io_uring_cqe&) {});
    }
}

TEST_F(ring_test, a_submission_thread_stays_on_its_core) {
    ::cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    int last = -1;
    for (int i = 0; i < CPU_SETSIZE; ++i) last = CPU_ISSET(i, &allowed) != 0 ? i : last;
    make({.submission_thread = true, .submission_thread_cpu = last});
    NEEDS("SQ_AFF");
    // It takes a moment to have its name and its core, and those of rings that are gone take one to end.
    const auto is_there = [last](const auto& threads) {
        return threads.size() == 1 && threads.front().cores == std::to_string(last);
    };
    bool there = false;
    for (const time_point end = clock::now() + 2s; !there && clock::now() < end;)
        there = is_there(submission_threads());
    EXPECT_TRUE(there);
}

TEST_F(ring_test, a_core_that_does_not_exist_costs_the_affinity_alone) {
    make({.submission_thread = true, .submission_thread_cpu = 100'000});
    NEEDS("SQPOLL");
    ASSERT_FALSE(on("SQ_AFF"));
    EXPECT_NE(feature("SQ_AFF")->detail.find("any core"), std::string::npos);
}

TEST_F(ring_test, spinning_sees_a_completion_without_sleeping_and_ends_with_the_limit) {
    ring& r = make({.submission_thread = true, .submission_thread_idle = 2s, .spin = 2s});
    NEEDS("spin");
    const pipe_ends pipe = make_pipe();
    await_byte(r, pipe);
    r.submit();
    std::this_thread::sleep_for(5ms);  // the thread has taken it, and looks for more
    const std::uint64_t before = r.enters();
    std::jthread other([&] {
        std::this_thread::sleep_for(5ms);
        put_byte(pipe);
    });
    r.wait(false, nullptr);
    EXPECT_TRUE(r.has_completions());
    EXPECT_EQ(r.enters(), before);
    r.reap([](const ::io_uring_cqe&) {});
    const ::timespec limit{.tv_sec = 0, .tv_nsec = 3'000'000};
    const time_point began = clock::now();
    r.wait(false, &limit);
    EXPECT_GE(clock::now() - began, 3ms);
    EXPECT_EQ(r.enters(), before);
}

TEST_F(ring_test, spinning_without_a_submission_thread_is_refused_in_words) {
    make({.spin = 1ms});
    if (!skip_.empty()) GTEST_SKIP() << skip_;
    ASSERT_NE(feature("spin"), nullptr);
    EXPECT_FALSE(on("spin"));
    EXPECT_FALSE(feature("spin")->detail.empty());
}

// --- Waiting -----------------------------------------------------------------------------------------------

class slow_writer {
  public:
    explicit slow_writer(std::array<pipe_ends, 6>& pipes)
        : thread_([&pipes] {
              for (const pipe_ends& pipe : pipes) {
                  std::this_thread::sleep_for(4ms);
                  put_byte(pipe);
              }
          }) {}

  private:
    std::jthread thread_;
};

TEST_F(ring_test, a_batched_wait_ends_with_the_batch) {
    for (const bool by_registered_memory : {false, true}) {
        ring& r = make({.batch_completions = 6, .batch_time = 5s, .registered_wait = by_registered_memory});
        NEEDS("batched waiting");
        std::array<pipe_ends, 6> pipes;
        for (pipe_ends& pipe : pipes) {
            pipe = make_pipe();
            await_byte(r, pipe);
        }
        const slow_writer writing(pipes);
        r.wait(false, nullptr);
        EXPECT_EQ(r.reap([](const ::io_uring_cqe&) {}), 6U);
        EXPECT_EQ(r.enters(), 1U);
    }
}

TEST_F(ring_test, a_batched_wait_ends_with_one_when_its_time_is_over) {
    ring& r = make({.batch_completions = 6, .batch_time = 30ms});
    NEEDS("batched waiting");
    const pipe_ends pipe = make_pipe();
    await_byte(r, pipe);
    put_byte(pipe);
    const time_point began = clock::now();
    r.wait(false, nullptr);
    EXPECT_GE(clock::now() - began, 30ms);
    EXPECT_EQ(r.reap([](const ::io_uring_cqe&) {}), 1U);
}

TEST_F(ring_test, a_batch_that_adapts_is_waited_for_once_many_come) {
    ring& r = make({.batch_completions = 32, .batch_time = 300ms, .batch_adapts = true});
    NEEDS("batched waiting");
    const pipe_ends pipe = make_pipe();
    const auto time_of_one = [&](time_point now = time_point::min()) {
        await_byte(r, pipe);
        put_byte(pipe);
        const time_point began = clock::now();
        r.wait(false, nullptr, now);
        EXPECT_EQ(r.reap([](const ::io_uring_cqe&) {}), 1U);
        char byte = 0;
        EXPECT_EQ(::read(pipe.reading.get(), &byte, 1), 1);
        return clock::now() - began;
    };
    const auto many = [&](time_point now) {
        for (unsigned i = 0; i < 16; ++i) {
            if (i == 8) r.submit();
            ::io_uring_prep_nop(r.next_sqe());
        }
        r.wait(false, nullptr, now);
        EXPECT_EQ(r.reap([](const ::io_uring_cqe&) {}), 16U);
    };
    time_point now(1h);
    EXPECT_LT(time_of_one(now), 300ms);
    many(now += 1ms);  // at the end of a period of its own, which has brought one
    many(now += 1ms);
    EXPECT_GE(time_of_one(now += 1us), 300ms);
    time_of_one(now += 1s);  // at whose end it is seen that no more come
    EXPECT_LT(time_of_one(now += 1s), 300ms);
}

// As the loop says when it has no timers.
TEST_F(ring_test, a_batch_adapts_without_being_told_the_time) {
    ring& r = make({.batch_completions = 32, .batch_time = 300ms, .batch_adapts = true});
    NEEDS("batched waiting");
    const auto wait_for_sixteen = [&] {
        for (unsigned i = 0; i < 16; ++i) {
            if (i == 8) r.submit();
            ::io_uring_prep_nop(r.next_sqe());
        }
        r.wait(false, nullptr, time_point::min());
        return r.reap([](const ::io_uring_cqe&) {});
    };
    const auto wait_in_vain = [&] {
        const time_point began = clock::now();
        const ::timespec limit{.tv_sec = 0, .tv_nsec = 500'000'000};
        ::io_uring_prep_nop(r.next_sqe());
        r.wait(false, &limit, time_point::min());
        EXPECT_EQ(r.reap([](const ::io_uring_cqe&) {}), 1U);
        return clock::now() - began;
    };
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(wait_for_sixteen(), 16U);
        std::this_thread::sleep_for(2ms);
    }
    EXPECT_GE(wait_in_vain(), 300ms) << "many came";
    wait_in_vain();
    EXPECT_LT(wait_in_vain(), 300ms) << "and then no more";
}

TEST_F(ring_test, a_batched_wait_is_no_longer_than_its_limit) {
    ring& r = make({.batch_completions = 6, .batch_time = 10s});
    NEEDS("batched waiting");
    const ::timespec limit{.tv_sec = 0, .tv_nsec = 20'000'000};
    const time_point began = clock::now();
    r.wait(false, &limit);
    EXPECT_GE(clock::now() - began, 20ms);
    EXPECT_LT(clock::now() - began, 5s);
}

TEST_F(ring_test, without_batches_a_wait_ends_with_the_first) {
    ring& r = make({});
    if (!skip_.empty()) GTEST_SKIP() << skip_;
    std::array<pipe_ends, 6> pipes;
    for (pipe_ends& pipe : pipes) {
        pipe = make_pipe();
        await_byte(r, pipe);
    }
    const slow_writer writing(pipes);
    r.wait(false, nullptr);
    EXPECT_LT(r.reap([](const ::io_uring_cqe&) {}), 6U);
}

TEST_F(ring_test, a_registered_wait_has_its_limit_in_memory_that_the_kernel_knows) {
    ring& r = make({.registered_wait = true});
    NEEDS("registered wait");
    const ::timespec limit{.tv_sec = 0, .tv_nsec = 20'000'000};
    const time_point began = clock::now();
    r.wait(false, &limit);  // the kernel is given no pointer: a limit from elsewhere would not be there
    EXPECT_GE(clock::now() - began, 20ms);
    EXPECT_LT(clock::now() - began, 5s);
}

// --- What is registered ------------------------------------------------------------------------------------

long ask(ring& r, unsigned what, void* argument, unsigned count) {
    return ::syscall(__NR_io_uring_register, r.raw()->ring_fd, what, argument, count);
}

TEST_F(ring_test, napi_busy_polling_is_what_it_was_set_to) {
    ring& r = make({.napi_busy_poll = 70us, .napi_prefer_busy_poll = true});
    NEEDS("NAPI busy polling");
    napi_request was{};
    ASSERT_EQ(ask(r, unregister_napi, &was, 1), 0);
    EXPECT_EQ(was.busy_poll_to, 70U);
    EXPECT_EQ(was.prefer_busy_poll, 1U);
}

TEST_F(ring_test, the_kernels_workers_are_bounded) {
    ring& r = make({.bounded_workers = 3, .unbounded_workers = 5});
    NEEDS("bounded workers");
    unsigned was[2] = {0, 0};  // 0: leaves it, and tells
    ASSERT_EQ(ask(r, IORING_REGISTER_IOWQ_MAX_WORKERS, was, 2), 0);
    EXPECT_EQ(was[0], 3U);
    EXPECT_EQ(was[1], 5U);
}

TEST_F(ring_test, a_restricted_ring_takes_what_is_used_and_nothing_else) {
    ring& r = make({.restricted = true});
    NEEDS("restrictions");
    const auto outcome_of = [&r](std::uint8_t opcode) {
        ::io_uring_sqe* const sqe = r.next_sqe();
        ::io_uring_prep_rw(opcode, sqe, -1, nullptr, 0, 0);
        r.wait(false, nullptr);
        int result = 1;
        r.reap([&result](const ::io_uring_cqe& cqe) { result = cqe.res; });
        return result;
    };
    EXPECT_EQ(outcome_of(IORING_OP_NOP), 0);
    EXPECT_EQ(outcome_of(IORING_OP_URING_CMD), -EACCES);
    EXPECT_EQ(outcome_of(IORING_OP_SETXATTR), -EACCES);
    napi_request napi{};
    EXPECT_EQ(ask(r, register_napi, &napi, 1), -1);
    EXPECT_EQ(errno, EACCES);
}

TEST_F(ring_test, what_is_not_asked_for_is_told_too) {
    make({});
    if (!skip_.empty()) GTEST_SKIP() << skip_;
    for (const char* const name :
         {"SQPOLL", "batched waiting", "registered wait", "NAPI busy polling", "restrictions"}) {
        ASSERT_NE(feature(name), nullptr) << name;
        EXPECT_FALSE(on(name)) << name;
        EXPECT_EQ(feature(name)->detail, "not asked for") << name;
    }
}

}  // namespace
}  // namespace penstock::detail
