// The array: what is in it, what is not, and what the kernel says of what nobody wants.
#include "backend/poll/poll.hpp"

#include "backend/readiness/readiness_fixture.hpp"

namespace penstock::detail {
namespace {

class poll_test : public mechanism_fixture {
  protected:
    poll_test() : mechanism_fixture(create_poll) {}
};

TEST_F(poll_test, a_hang_up_that_nobody_wants_does_not_end_a_wait) {
    socket_pair pair = connected_unix();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    cancel(receive);
    ASSERT_TRUE(receive.final);
    pair.near = {};  // POLLHUP from now on, asked for or not
    EXPECT_LT(waits_within(50ms), 5);
    EXPECT_EQ(perform(receive), 0);
    EXPECT_LT(waits_within(50ms), 5);
    close(pair.far);
}

TEST_F(poll_test, what_is_ready_ends_no_wait_before_somebody_asks_for_it) {
    socket_pair pair = connected_unix();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "one");
    EXPECT_EQ(received(receive), "one");
    put(pair.near, "two");
    EXPECT_LT(waits_within(50ms), 5);
    EXPECT_EQ(receive_with(receive), "two");
    close(pair.far);
}

TEST_F(poll_test, a_reader_that_is_gone_ends_a_write) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    unique_fd output(ends[0]);
    unique_fd input(ends[1]);
    const std::string much(1 << 20, 'x');
    const io_slice slice(much);
    write_op write({input.get()}, &slice, 1);
    ASSERT_EQ(submit(write), submitted::queued);
    turn(0s);
    ASSERT_FALSE(write.final);
    output = {};  // POLLERR
    EXPECT_EQ(finish(write), -EPIPE);
    close(input);
}

TEST_F(poll_test, a_descriptor_that_the_program_has_closed_is_told_and_harms_no_other) {
    socket_pair gone = connected_unix();
    socket_pair kept = connected_unix();
    receive_op lost({gone.far.get()});
    receive_op receive({kept.far.get()});
    ASSERT_EQ(submit(lost), submitted::queued);
    ASSERT_EQ(submit(receive), submitted::queued);
    gone.far = {};  // POLLNVAL
    EXPECT_EQ(finish(lost), -EBADF);
    EXPECT_LT(waits_within(50ms), 5);
    put(kept.near, "still here");
    EXPECT_EQ(received(receive), "still here");
    close(kept.far);
}

TEST_F(poll_test, each_entry_belongs_to_its_descriptor_however_they_come_and_go) {
    constexpr std::size_t count = 40;
    std::vector<socket_pair> pairs;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(connected_unix());
        receives.push_back(std::make_unique<receive_op>(handle{pairs[i].far.get()}));
        ASSERT_EQ(submit(*receives[i]), submitted::queued);
    }
    for (std::size_t i = 0; i < count; i += 3) {  // holes, which the last ones fill
        cancel(*receives[i]);
        close(pairs[i].far);
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 != 0 && i % 2 == 0) put(pairs[i].near, std::to_string(i));
    }
    turn(0s);
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 == 0) continue;
        EXPECT_EQ(receives[i]->final, i % 2 == 0) << i;
        if (!receives[i]->final) put(pairs[i].near, std::to_string(i));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 == 0) continue;
        EXPECT_EQ(received(*receives[i]), std::to_string(i));
        close(pairs[i].far);
    }
}

TEST_F(poll_test, both_directions_share_an_entry_and_are_told_apart) {
    socket_pair pair = connected_unix();
    const std::string much(4 << 20, 'x');
    const io_slice slice(much);
    send_op send({pair.far.get()}, &slice, 1);
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(send), submitted::queued);
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "to read");
    EXPECT_EQ(received(receive), "to read");
    EXPECT_FALSE(send.final);
    std::vector<char> sink(1 << 20);
    for (std::size_t got = 0; got < much.size();) {
        const auto n = ::recv(pair.near.get(), sink.data(), sink.size(), MSG_DONTWAIT);
        if (n > 0) got += static_cast<std::size_t>(n);
        if (n < 0) turn(1s);
    }
    EXPECT_EQ(finish(send), 0);
    close(pair.far);
}

TEST_F(poll_test, urgent_data_wakes_a_receive_once) {
    socket_pair pair = connected_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "!", MSG_OOB);
    turn(5s);
    EXPECT_LT(waits_within(50ms), 5);
    put(pair.near, "plain");
    EXPECT_EQ(received(receive), "plain");
    close(pair.far);
}

TEST_F(poll_test, a_limit_that_was_lowered_below_what_is_open_leaves_all_watched) {
    constexpr std::size_t count = 30;
    std::vector<socket_pair> pairs;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(connected_unix());
        receives.push_back(std::make_unique<receive_op>(handle{pairs[i].far.get()}));
        ASSERT_EQ(submit(*receives[i]), submitted::queued);
    }
    ::rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    const ::rlimit lowered{.rlim_cur = 8, .rlim_max = before.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &lowered);
    EXPECT_LT(waits_within(50ms), 100);
    for (std::size_t i = 0; i < count; ++i) put(pairs[i].near, "x");
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(received(*receives[i]), "x");
    target->wake();
    turn(5s);
    ::setrlimit(RLIMIT_NOFILE, &before);
    for (socket_pair& pair : pairs) close(pair.far);
}

}  // namespace
}  // namespace penstock::detail
