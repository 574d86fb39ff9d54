// The array: what is in it, what is not, and what the kernel says of what nobody wants.
#include "backend/poll/poll.hpp"

#include "backend/readiness/readiness_fixture.hpp"

namespace penstock::detail {
namespace {

class poll_test : public mechanism_fixture {
  protected:
    poll_test() : mechanism_fixture(create_poll) {}
};

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
