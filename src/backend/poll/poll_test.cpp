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

}  // namespace
}  // namespace penstock::detail
