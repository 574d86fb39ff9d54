// The sets: their end, what is in them, and what is never put there.
#include "backend/select/select.hpp"

#include "backend/readiness/readiness_fixture.hpp"

#include <sys/select.h>

namespace penstock::detail {
namespace {

constexpr std::int32_t refused = encode(errc::too_many_open_files);

class select_test : public mechanism_fixture {
  protected:
    select_test() : mechanism_fixture(create_select) {}
};

TEST_F(select_test, a_descriptor_that_the_program_has_closed_is_told_and_harms_no_other) {
    socket_pair gone = connected_unix();
    socket_pair kept = connected_unix();
    receive_op lost({gone.far.get()});
    receive_op receive({kept.far.get()});
    ASSERT_EQ(submit(lost), submitted::queued);
    ASSERT_EQ(submit(receive), submitted::queued);
    gone.far = {};  // the kernel refuses the whole set
    EXPECT_EQ(finish(lost), -EBADF);
    EXPECT_LT(waits_within(50ms), 5);
    put(kept.near, "still here");
    EXPECT_EQ(received(receive), "still here");
    close(kept.far);
}

TEST_F(select_test, the_last_bit_of_the_set_is_watched) {
    socket_pair pair = connected_unix();
    unique_fd last(::fcntl(pair.far.get(), F_DUPFD_CLOEXEC, FD_SETSIZE - 1));
    ASSERT_EQ(last.get(), FD_SETSIZE - 1);
    receive_op receive({last.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "x");
    EXPECT_EQ(received(receive), "x");
    close(last);
}

TEST_F(select_test, what_has_no_bit_is_refused_and_closed_by_every_operation_that_opens) {
    const unique_fd large(::fcntl(0, F_DUPFD_CLOEXEC, FD_SETSIZE));
    const int next = large.get() + 1;  // what is not closed again is found by its number
    const auto taken = take_descriptors_below(FD_SETSIZE);
    socket_op socket(address_family::ipv4, socket_type::stream);
    EXPECT_EQ(perform(socket), refused);
    pipe_op pipe;
    EXPECT_EQ(perform(pipe), refused);
    signals_op signals(1);
    EXPECT_EQ(perform(signals), refused);
    EXPECT_LT(::fcntl(next, F_GETFD), 0);
    adopt_op adopted(large.get());
    EXPECT_EQ(perform(adopted), refused);
    EXPECT_GE(::fcntl(large.get(), F_GETFD), 0) << "it is still its owner's";
    EXPECT_EQ(target->statistics().descriptors_refused, 4U);
    // Even if it was let in by other ways, it is not written past the set.
    receive_op receive({large.get()});
    EXPECT_EQ(perform(receive), refused);
}

TEST_F(select_test, a_pipe_of_which_one_end_has_no_bit_is_refused_whole) {
    const auto taken = take_descriptors_below(FD_SETSIZE, 1);
    const int number = ::dup(0);  // which one is free
    ASSERT_LT(number, FD_SETSIZE);
    ::close(number);
    pipe_op pipe;
    EXPECT_EQ(perform(pipe), refused);
    EXPECT_LT(::fcntl(number, F_GETFD), 0) << "the end that had a bit is left open";
}

TEST_F(select_test, a_connection_that_would_have_no_bit_stays_in_the_backlog) {
    unique_fd door = listening_tcp();
    std::vector<unique_fd> peers;
    for (int i = 0; i < 3; ++i) peers.push_back(connected_to(door));
    auto taken_numbers = take_descriptors_below(FD_SETSIZE);
    accept_op accept({door.get()}, 4);
    // The first takes the place of the spare; of the others none is lost.
    EXPECT_GT(perform(accept), 0);
    unique_fd first(accept.accepted.pop().id);
    EXPECT_LT(first.get(), FD_SETSIZE);
    EXPECT_NE(::fcntl(first.get(), F_GETFD) & FD_CLOEXEC, 0);
    EXPECT_EQ(perform(accept), refused);
    accept_op pending({door.get()}, 1);
    pending.only_pending = true;
    EXPECT_EQ(perform(pending), refused);
    put(peers.front(), "hello");
    receive_op receive({first.get()});
    EXPECT_EQ(receive_with(receive), "hello");
    close(first);
    taken_numbers.resize(taken_numbers.size() - 4);
    for (std::size_t i = 1; i < peers.size(); ++i) {
        EXPECT_GT(perform(accept), 0);
        unique_fd next(accept.accepted.pop().id);
        put(peers[i], "x");
        char first_byte = 0;
        EXPECT_EQ(::recv(next.get(), &first_byte, 1, 0), 1);
        close(next);
    }
    close(door);
}

TEST_F(select_test, none_is_made_whose_own_descriptors_have_no_bit) {
    target.reset();
    const auto taken = take_descriptors_below(FD_SETSIZE);
    const auto made = create();
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().message, "too many open files for select (FD_SETSIZE 1024)");
    EXPECT_EQ(made.error().code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace penstock::detail
