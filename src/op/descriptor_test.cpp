#include "support/descriptor.hpp"

#include "op/call.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace penstock::detail {
namespace {

using testing::closes_on_exec;
using testing::descriptor;
using testing::is_nonblocking;

TEST(descriptor_call, a_pipe_holds_what_it_is_to_hold) {
    pipe_op op(256U << 10);
    ASSERT_EQ(call(op, call_mode::no_wait), 0);
    const descriptor reader(op.read_end.id);
    const descriptor writer(op.write_end.id);
    EXPECT_EQ(::fcntl(reader.get(), F_GETPIPE_SZ), 256 << 10);
    pipe_op too_much(~0U);
    ASSERT_EQ(call(too_much, call_mode::no_wait), 0) << "it is a pipe all the same";
    const descriptor small_reader(too_much.read_end.id);
    const descriptor small_writer(too_much.write_end.id);
    EXPECT_GE(::fcntl(small_reader.get(), F_GETPIPE_SZ), 4096);
}

TEST(descriptor_call, a_pipe_has_two_ends) {
    pipe_op op;
    ASSERT_EQ(call(op, call_mode::no_wait), 0);
    const descriptor reader(op.read_end.id);
    const descriptor writer(op.write_end.id);
    for (const handle end : {op.read_end, op.write_end}) {
        EXPECT_TRUE(is_nonblocking(end));
        EXPECT_TRUE(closes_on_exec(end));
    }
    testing::write_text(op.write_end, "through");
    EXPECT_EQ(testing::read_available(op.read_end), "through");
}

TEST(descriptor_call, close_ends_a_handle_once) {
    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    close_op op(pipe.write_end);
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    EXPECT_EQ(call(op, call_mode::no_wait), -EBADF);
    char byte = 0;
    EXPECT_EQ(call_receive(read_op(pipe.read_end), &byte, 1, call_mode::no_wait), 0) << "the reader sees the end";
}

TEST(descriptor_call, a_poll_takes_nothing) {
    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    descriptor writer(pipe.write_end.id);
    poll_op to_read(pipe.read_end, false);
    EXPECT_EQ(call(to_read, call_mode::no_wait), -EAGAIN);
    poll_op to_write(pipe.write_end, true);
    EXPECT_TRUE(ready_sides_of(call(to_write, call_mode::no_wait)).writable);
    testing::write_text(pipe.write_end, "x");
    for (int i = 0; i < 2; ++i) {
        const auto found = ready_sides_of(call(to_read, call_mode::blocking));
        EXPECT_TRUE(found.readable);
        EXPECT_FALSE(found.hung_up);
    }
    writer.reset();
    EXPECT_TRUE(ready_sides_of(call(to_read, call_mode::no_wait)).hung_up);
    poll_op closed(handle{pipe.write_end}, true);
    EXPECT_EQ(call(closed, call_mode::no_wait), -EBADF);
}

TEST(descriptor_call, forgetting_leaves_the_descriptor_open) {
    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    const descriptor writer(pipe.write_end.id);
    close_op op(pipe.write_end, true);
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    testing::write_text(pipe.write_end, "still open");
}

TEST(descriptor_call, adopting_changes_no_flag) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);  // blocking, kept over exec
    const descriptor reader(ends[0]);
    const descriptor writer(ends[1]);
    adopt_op op(ends[0]);
    EXPECT_EQ(call(op, call_mode::no_wait), ends[0]);
    EXPECT_FALSE(is_nonblocking(reader.name()));
    EXPECT_FALSE(closes_on_exec(reader.name()));
}

TEST(descriptor_call, adopting_what_is_closed_is_an_error) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    descriptor reader(ends[0]);
    const descriptor writer(ends[1]);
    reader.reset();
    adopt_op op(ends[0]);
    EXPECT_EQ(call(op, call_mode::no_wait), -EBADF);
}

TEST(descriptor_call, signals_arrive_as_bytes) {
    ::sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGUSR1);
    ::sigset_t before;
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &blocked, &before), 0);
    signals_op op(std::uint64_t{1} << (SIGUSR1 - 1));
    const descriptor signals(call(op, call_mode::no_wait));
    ASSERT_GE(signals.get(), 0);
    EXPECT_TRUE(is_nonblocking(signals.name()));
    EXPECT_TRUE(closes_on_exec(signals.name()));

    ::signalfd_siginfo info{};
    const read_op read(signals.name());
    EXPECT_EQ(call_receive(read, &info, sizeof info, call_mode::no_wait), -EAGAIN);
    ASSERT_EQ(::raise(SIGUSR1), 0);
    EXPECT_EQ(call_receive(read, &info, sizeof info, call_mode::no_wait), static_cast<std::int32_t>(sizeof info));
    EXPECT_EQ(info.ssi_signo, static_cast<std::uint32_t>(SIGUSR1));
    EXPECT_EQ(call_receive(read, &info, sizeof info, call_mode::no_wait), -EAGAIN);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(descriptor_call, every_bit_of_the_mask_is_a_signal) {
    signals_op all(~std::uint64_t{0});  // with those that nobody may take, which the kernel leaves out
    const descriptor signals(call(all, call_mode::no_wait));
    EXPECT_GE(signals.get(), 0);
    signals_op none(0);
    const descriptor silent(call(none, call_mode::no_wait));
    EXPECT_GE(silent.get(), 0);
}

}  // namespace
}  // namespace penstock::detail
