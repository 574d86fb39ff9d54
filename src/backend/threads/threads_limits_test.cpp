// The blocking backend at its edges: waiting and waking, the bound on threads, cancelling.
#include "backend/threads/interrupt_signal.hpp"
#include "backend/threads/shares.hpp"
#include "backend/threads/threads_fixture.hpp"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

// --- Waiting and waking ----------------------------------------------------------------------------------

TEST_F(threads_test, a_wait_ends_at_its_deadline) {
    const time_point start = clock::now();
    turn(30ms);
    EXPECT_GE(clock::now() - start, 30ms);
    turn(0s);
    turn(-1s);
}

TEST_F(threads_test, a_wake_up_before_the_wait_is_not_lost) {
    target->wake();
    target->wake();
    turn(duration::max());  // would hang
    const time_point start = clock::now();
    turn(20ms);  // two wake-ups before one wait are one
    EXPECT_GE(clock::now() - start, 20ms);
}

TEST_F(threads_test, a_wake_up_ends_a_wait_without_limit) {
    for (int i = 0; i < 200; ++i) {
        std::thread other([&] { target->wake(); });
        turn(duration::max());
        other.join();
    }
}

TEST_F(threads_test, a_completion_ends_a_wait_without_limit) {
    const unix_pair pair;
    receive_op receive_here(of(pair.near));
    for (int i = 0; i < 200; ++i) {
        ASSERT_EQ(submit(receive_here), submitted::queued);
        std::thread other([&] { put(pair.far, "x"); });
        turn(duration::max());
        other.join();
        ASSERT_TRUE(receive_here.final);
        EXPECT_EQ(taken(receive_here), "x");
    }
}

// --- The bound on threads --------------------------------------------------------------------------------

TEST_F(threads_test, waits_beyond_their_share_are_refused_and_sends_still_work) {
    options.max_threads = 8;
    create();
    const std::uint32_t most = target->capabilities().most_waiting;
    EXPECT_EQ(most, 6U);
    const unix_pair pair;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (std::uint32_t i = 0; i < most; ++i) {
        receives.push_back(std::make_unique<receive_op>(of(pair.near)));
        ASSERT_EQ(submit(*receives.back()), submitted::queued);
    }
    receive_op one_more(of(pair.near));
    EXPECT_EQ(perform(one_more), encode(errc::too_many_blocked_operations));
    EXPECT_NE(decode(one_more.result).message().find("limit 6"), std::string::npos);
    EXPECT_EQ(send(of(pair.near), "still"), 0);
    EXPECT_EQ(take(pair.far), "still");

    for (const auto& receive : receives) cancel(*receive);
    for (const auto& receive : receives) EXPECT_EQ(finish(*receive), -ECANCELED);
    EXPECT_EQ(target->statistics().offloaded, 0U);
    put(pair.far, "again");
    EXPECT_EQ(receive(one_more), "again");
}

TEST_F(threads_test, sends_beyond_their_share_fail_only_if_they_would_block) {
    options.max_threads = 8;  // one thread for sends
    create();
    const unix_pair full;
    const unix_pair free;
    const std::string much(4'000'000, 'e');
    const io_slice slice(much);
    send_op blocked(of(full.near), &slice, 1);
    ASSERT_EQ(submit(blocked), submitted::queued);
    EXPECT_EQ(send(of(free.near), "fits"), 0);
    send_op too_much(of(free.near), &slice, 1);
    EXPECT_EQ(perform(too_much), encode(errc::too_many_blocked_operations));
    cancel(blocked);
    EXPECT_EQ(finish(blocked), -ECANCELED);
    EXPECT_LT(blocked.transferred, much.size());
}

// --- Cancelling ------------------------------------------------------------------------------------------

TEST_F(threads_test, every_wait_can_be_cancelled_while_it_is_blocked) {
    const tcp_listener listener;
    const unix_pair pair;
    pipe_op pipe;
    ASSERT_EQ(perform(pipe), 0);
    const unique_fd read_end(pipe.read_end.id);
    const unique_fd write_end(pipe.write_end.id);
    const std::string much(4'000'000, 'e');
    const io_slice slice(much);

    accept_op accept(of(listener.socket), 1);
    send_op send_there(of(pair.far), &slice, 1);
    read_op read(pipe.read_end);
    write_op write(pipe.write_end, &slice, 1);
    const unix_pair idle;
    receive_op idle_receive(of(idle.near));
    for (operation* const op : {static_cast<operation*>(&accept), static_cast<operation*>(&idle_receive),
                                static_cast<operation*>(&send_there), static_cast<operation*>(&read)}) {
        ASSERT_EQ(submit(*op), submitted::queued);
        let_block();
        cancel(*op);
        cancel(*op);  // harmless
        EXPECT_EQ(finish(*op), -ECANCELED) << to_string(op->kind);
        cancel(*op);  // harmless, too
    }
    ASSERT_EQ(submit(write), submitted::queued);
    let_block();
    cancel(write);
    EXPECT_EQ(finish(write), -ECANCELED);
    splice_op waits_for_bytes(of(idle.near), pipe.write_end, 100, true);
    ASSERT_EQ(submit(waits_for_bytes), submitted::queued);
    let_block();
    cancel(waits_for_bytes);
    EXPECT_EQ(finish(waits_for_bytes), -ECANCELED);
    EXPECT_EQ(pool.available(), pool.count());
}

TEST_F(threads_test, a_connect_can_be_cancelled) {
    const tcp_listener full(0);
    std::vector<unique_fd> sockets;
    for (int i = 0; i < 3; ++i) {  // what does not fit into the backlog gets no answer
        sockets.push_back(tcp_socket(SOCK_NONBLOCK));
        const int r = ::connect(sockets.back().get(), reinterpret_cast<const ::sockaddr*>(full.address.raw()),
                                full.address.raw_size());
        ASSERT_TRUE(r == 0 || errno == EINPROGRESS);
    }
    for (const int flags : {0, static_cast<int>(SOCK_NONBLOCK)}) {
        const unique_fd client = tcp_socket(flags);
        connect_op connect(of(client), full.address);
        ASSERT_EQ(submit(connect), submitted::queued);
        let_block();
        ASSERT_FALSE(connect.final);
        cancel(connect);
        EXPECT_EQ(finish(connect), -ECANCELED);
    }
}

TEST_F(threads_test, an_open_of_a_fifo_without_a_writer_can_be_cancelled) {
    const std::string path = ::testing::TempDir() + "penstock_fifo_" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    open_op open(path.c_str(), {});
    ASSERT_EQ(submit(open), submitted::queued);
    let_block();
    cancel(open);
    EXPECT_EQ(finish(open), -ECANCELED);
    ::unlink(path.c_str());
}

TEST_F(threads_test, what_came_before_the_cancel_is_not_lost) {
    const unix_pair pair;
    receive_op receive_here(of(pair.near));
    ASSERT_EQ(submit(receive_here), submitted::queued);
    put(pair.far, "first");
    std::this_thread::sleep_for(20ms);  // the thread has peeked, and the loop does not know yet
    cancel(receive_here);
    const std::int32_t r = finish(receive_here);
    if (r == -ECANCELED) {
        EXPECT_EQ(receive(receive_here), "first");
    } else {
        EXPECT_EQ(taken(receive_here), "first");
    }
}

// The cancel is aimed at every moment between submitting and blocking, where the signal can be lost.
TEST_F(threads_test, a_cancel_at_any_moment_ends_the_operation_and_loses_no_byte) {
    const unix_pair pair;
    receive_op receive_here(of(pair.near));
    int cancelled = 0;
    for (int i = 0; i < 3000; ++i) {
        ASSERT_EQ(submit(receive_here), submitted::queued);
        for (int spin = 0; spin < i % 100 * 20; ++spin) std::atomic_signal_fence(std::memory_order_seq_cst);
        if (i % 3 == 0) put(pair.far, "b");
        cancel(receive_here);
        const std::int32_t r = finish(receive_here);
        cancelled += r == -ECANCELED;
        if (i % 3 == 0 && r == -ECANCELED) {
            ASSERT_EQ(receive(receive_here), "b");
        } else if (r != -ECANCELED) {
            ASSERT_EQ(r, 1);
            ASSERT_EQ(taken(receive_here), "b");
        }
    }
    EXPECT_GE(cancelled, 2000);
}

// Pending signals are bounded per user, and a cancel must not depend on there being room. Then again for many
// at once: the neighbours that go on must not notice.
TEST_F(threads_test, a_storm_of_cancels_needs_no_signal_queue_and_hits_no_neighbour) {
    ::rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_SIGPENDING, &before), 0);
    const ::rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &none), 0);
    options.max_threads = 128;
    create();
    const unix_pair silent;
    const unix_pair busy;
    receive_op neighbour(of(busy.near));
    std::vector<std::unique_ptr<receive_op>> receives;
    receives.reserve(90);
    for (int i = 0; i < 90; ++i) receives.push_back(std::make_unique<receive_op>(of(silent.near)));
    for (int round = 0; round < 10; ++round) {
        ASSERT_EQ(submit(neighbour), submitted::queued);
        for (const auto& receive : receives) ASSERT_EQ(submit(*receive), submitted::queued);
        if (round % 2 == 0) let_block();
        for (const auto& receive : receives) cancel(*receive);
        for (const auto& receive : receives) ASSERT_EQ(finish(*receive), -ECANCELED);
        ASSERT_FALSE(neighbour.final);
        put(busy.far, "x");
        ASSERT_EQ(finish(neighbour), 1);
        EXPECT_EQ(taken(neighbour), "x");
    }
    ::setrlimit(RLIMIT_SIGPENDING, &before);
}

TEST_F(threads_test, files_that_no_thread_has_begun_are_withdrawn) {
    options.max_threads = 3;  // one thread for files
    create();
    const std::string path = ::testing::TempDir() + "penstock_fifo2_" + std::to_string(::getpid());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    open_op blocks(path.c_str(), {});
    open_op behind("/dev/null", {});
    open_op last("/dev/null", {});
    ASSERT_EQ(submit(blocks), submitted::queued);
    ASSERT_EQ(submit(behind), submitted::queued);
    ASSERT_EQ(submit(last), submitted::queued);
    let_block();
    cancel(behind);
    EXPECT_TRUE(behind.final);
    EXPECT_EQ(behind.result, -ECANCELED);
    EXPECT_FALSE(last.final);
    cancel(blocks);
    EXPECT_EQ(finish(blocks), -ECANCELED);
    EXPECT_GE(finish(last), 0);  // the thread is free for the next
    const unique_fd opened(last.result);
    ::unlink(path.c_str());
}

TEST_F(threads_test, a_signal_astray_ends_nothing) {
    const unix_pair pair;
    receive_op receive_here(of(pair.near));
    ASSERT_EQ(submit(receive_here), submitted::queued);
    let_block();
    // Process-directed, so it reaches this thread or a worker, as a program's own use of the signal might.
    ::sigset_t ours;
    ::sigemptyset(&ours);
    ::sigaddset(&ours, interrupt_signal());
    ::pthread_sigmask(SIG_BLOCK, &ours, nullptr);
    for (int i = 0; i < 20; ++i) {
        ::kill(::getpid(), interrupt_signal());
        turn(1ms);
    }
    ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
    EXPECT_FALSE(receive_here.final);
    put(pair.far, "ok");
    EXPECT_EQ(finish(receive_here), 2);
    EXPECT_EQ(taken(receive_here), "ok");
}

// A signal that does nothing stands for one that came too early: only its repetition can end the operation.
TEST_F(threads_test, a_lost_signal_is_repeated_without_spinning) {
    const unix_pair pair;
    receive_op receive_here(of(pair.near));
    ASSERT_EQ(submit(receive_here), submitted::queued);
    let_block();
    struct ::sigaction ignore{};
    struct ::sigaction before{};
    ignore.sa_handler = SIG_IGN;
    ASSERT_EQ(::sigaction(interrupt_signal(), &ignore, &before), 0);
    const std::uint64_t calls_before = target->statistics().enters;
    cancel(receive_here);
    for (int i = 0; i < 10; ++i) turn(10ms);
    EXPECT_FALSE(receive_here.final);
    const std::uint64_t calls = target->statistics().enters - calls_before;
    EXPECT_GE(calls, 10U);
    EXPECT_LE(calls, 100U);  // 100 ms at one signal and one sleep per 5 ms, and a few quick ones at first
    ASSERT_EQ(::sigaction(interrupt_signal(), &before, nullptr), 0);
    turn(0s);
    EXPECT_EQ(finish(receive_here), -ECANCELED);
}

}  // namespace
}  // namespace penstock::detail
