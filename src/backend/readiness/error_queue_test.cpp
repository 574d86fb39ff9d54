// What the kernel says of calls that were not to copy, taken from real sockets.
#include "backend/readiness/error_queue.hpp"

#include "backend/readiness/readiness_fixture.hpp"

#include <poll.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

class error_queue_test : public ::testing::Test {
  protected:
    void SetUp() override {
        constexpr int on = 1;
        if (::setsockopt(pair.far.get(), SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) != 0) {
            GTEST_SKIP() << "SO_ZEROCOPY: " << std::strerror(errno);
        }
    }

    void lend(std::size_t size) {
        memory.assign(size, 'x');
        EXPECT_EQ(::send(pair.far.get(), memory.data(), size, MSG_ZEROCOPY), static_cast<::ssize_t>(size));
    }
    void receive(std::size_t size) {
        std::string sink(size, '\0');
        EXPECT_EQ(::recv(pair.near.get(), sink.data(), size, MSG_WAITALL), static_cast<::ssize_t>(size));
    }
    short told(int limit) const {
        ::pollfd entry{.fd = pair.far.get(), .events = 0, .revents = 0};
        ::poll(&entry, 1, limit);
        return entry.revents;
    }

    socket_pair pair = connected_tcp();
    std::string memory;
};

TEST_F(error_queue_test, tells_of_each_call_once_by_its_number) {
    constexpr std::uint32_t calls = 5;
    for (std::uint32_t i = 0; i < calls; ++i) lend(8192);
    receive(calls * 8192);
    std::vector<int> times(calls);
    std::uint32_t all = 0;
    while (all < calls) {
        ASSERT_EQ(told(5000), POLLERR);
        while (const auto returned = next_returned_calls(pair.far.get())) {
            all += returned->count();
            for (std::uint32_t i = returned->first; i <= returned->last; ++i) ++times.at(i);
            EXPECT_TRUE(returned->copied) << "over loopback";
        }
    }
    EXPECT_EQ(times, std::vector<int>(calls, 1));
    EXPECT_EQ(told(0), 0) << "an empty queue is no error any more";
}

TEST_F(error_queue_test, leaves_the_error_of_the_socket_to_others) {
    lend(std::size_t{256} << 10);
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(pair.near.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    pair.near = {};
    ASSERT_NE(told(5000) & POLLERR, 0);
    std::uint32_t all = 0;
    for (int i = 0; i < 500 && all == 0; ++i) {
        while (const auto returned = next_returned_calls(pair.far.get())) all += returned->count();
        if (all == 0) std::this_thread::sleep_for(10ms);
    }
    EXPECT_EQ(all, 1U);
    char byte = 0;
    EXPECT_EQ(::recv(pair.far.get(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, ECONNRESET);
}

TEST_F(error_queue_test, is_empty_where_nothing_was_lent) {
    EXPECT_FALSE(next_returned_calls(pair.far.get()));
    EXPECT_FALSE(next_returned_calls(-1));
}

TEST(returned_calls, are_counted_beyond_the_end_of_their_numbers) {
    EXPECT_EQ((returned_calls{.first = 7, .last = 7, .copied = false}.count()), 1U);
    EXPECT_EQ((returned_calls{.first = 0xffff'fffe, .last = 1, .copied = false}.count()), 4U);
}

}  // namespace
}  // namespace penstock::detail
