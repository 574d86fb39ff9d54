// Streams on native AIO, driven through the contract alone.
#include "backend/linux_aio/linux_aio_fixture.hpp"

#include <sys/ioctl.h>

#include <array>
#include <numeric>
#include <vector>

namespace penstock::detail {
namespace {

TEST_F(connected_test, bytes_travel_both_ways_and_the_end_arrives) {
    receive_op here(near);
    receive_op there(far);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(send(near, "ping"), 0);
        EXPECT_EQ(receive(there), "ping");
        EXPECT_EQ(send(far, "pong"), 0);
        EXPECT_EQ(receive(here), "pong");
    }
    shutdown_op end(near, shutdown_side::send);
    EXPECT_EQ(perform(end), 0);
    EXPECT_EQ(perform(there), 0);
    EXPECT_EQ(send(far, "still"), 0);
    EXPECT_EQ(receive(here), "still");
}

TEST_F(connected_test, a_waiting_receive_owns_no_buffer) {
    receive_op op(far);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(10ms);
    EXPECT_FALSE(op.final);
    EXPECT_EQ(pool.statistics().in_use, 0);
    EXPECT_EQ(send(near, "x"), 0);
    EXPECT_EQ(finish(op), 1);
    EXPECT_EQ(taken(op), "x");
    EXPECT_EQ(pool.statistics().in_use, 0);
}

TEST_F(connected_test, a_second_receive_on_the_same_stream_is_refused) {
    receive_op first(far);
    receive_op second(far);
    ASSERT_EQ(submit(first), submitted::queued);
    EXPECT_EQ(perform(second), -EBUSY);
    cancel(first);
}

TEST_F(connected_test, a_cancelled_receive_loses_nothing_that_comes_later) {
    receive_op op(far);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(submit(op), submitted::queued);
        if (i % 2 == 0) turn(1ms);
        cancel(op);
        EXPECT_TRUE(op.final);
        EXPECT_EQ(op.result, -ECANCELED);
        EXPECT_EQ(send(near, "later"), 0);
        EXPECT_EQ(receive(op), "later");
    }
}

TEST_F(connected_test, a_cancel_after_the_data_came_ends_either_way_and_keeps_the_bytes) {
    receive_op op(far);
    ASSERT_EQ(submit(op), submitted::queued);
    EXPECT_EQ(send(near, "kept"), 0);
    cancel(op);
    finish(op);
    std::string text = taken(op);
    if (text.empty()) text = receive(op);
    EXPECT_EQ(text, "kept");
}

TEST_F(connected_test, messages_of_more_than_a_buffer_arrive_whole) {
    std::string message(100'000, '\0');
    std::iota(message.begin(), message.end(), '\0');
    const io_slice slice(message);
    send_op op(near, &slice, 1);
    submit(op);
    receive_op to(far);
    to.credit.limit = 64;
    std::string got;
    while (got.size() < message.size()) got += receive(to);
    EXPECT_EQ(got, message);
    EXPECT_EQ(op.final ? op.result : finish(op), 0);
}

// More slices than the kernel takes at once, more bytes than the socket takes: the send goes on until all is sent.
TEST_F(connected_test, a_vectored_send_survives_short_writes_at_every_place) {
    std::vector<std::string> parts;
    std::vector<io_slice> slices;
    std::string whole;
    for (std::size_t i = 0; i < 3000; ++i) {
        parts.emplace_back(i * 7919 % 4001, static_cast<char>('a' + i % 26));
        whole += parts.back();
    }
    for (const std::string& part : parts) slices.emplace_back(std::string_view(part));
    send_op op(near, slices.data(), static_cast<std::uint32_t>(slices.size()));
    ASSERT_EQ(submit(op), submitted::queued);
    std::string got;
    std::thread reader([&, fd = far.id] {
        std::vector<char> piece(8191);
        while (got.size() < whole.size()) {
            const ::ssize_t n = ::recv(fd, piece.data(), piece.size(), 0);
            if (n > 0) got.append(piece.data(), static_cast<std::size_t>(n));
            if (n < 0) std::this_thread::sleep_for(1ms);
        }
    });
    EXPECT_EQ(finish(op), 0);
    reader.join();
    EXPECT_EQ(op.transferred, whole.size());
    EXPECT_TRUE(got == whole);
}

TEST_F(connected_test, empty_sends_complete) {
    send_op none(near, nullptr, 0);
    EXPECT_EQ(perform(none), 0);
    const std::array<io_slice, 3> empty{};
    send_op three(near, empty.data(), 3);
    EXPECT_EQ(perform(three), 0);
}

TEST_F(connected_test, a_send_that_waits_for_space_can_be_cancelled) {
    const std::string much(32 << 20, 'x');
    const io_slice slice{std::string_view(much)};
    send_op op(near, &slice, 1);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(20ms);
    ASSERT_FALSE(op.final);
    EXPECT_GT(op.transferred, 0U);
    cancel(op);
    EXPECT_EQ(finish(op), -ECANCELED);
}

TEST_F(connected_test, a_send_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
    close(far);
    far = {};
    std::int32_t r = 0;
    for (int i = 0; i < 100 && r == 0; ++i) {
        r = send(near, "anyone?");
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_TRUE(r == -EPIPE || r == -ECONNRESET) << r;
}

TEST_F(connected_test, a_reset_is_reported) {
    receive_op op(far);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(1ms);
    option_op reset(near, socket_option::linger, 0, true);
    EXPECT_EQ(perform(reset), 0);
    close(near);
    near = {};
    EXPECT_EQ(finish(op), -ECONNRESET);
}

TEST_F(connected_test, a_refused_connection_says_so) {
    close(listener);
    listener = {};
    std::int32_t r = 0;
    for (int i = 0; i < 100 && r == 0; ++i) {
        socket_op socket(address_family::ipv4, socket_type::stream);
        ASSERT_EQ(submit(socket), submitted::completed);
        connect_op op({socket.result}, address);
        r = perform(op);
        close({socket.result});
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(r, -ECONNREFUSED);
}

// An armed poll holds the open file, so closing alone would not close the connection.
TEST_F(connected_test, closing_with_an_armed_poll_tells_the_peer_and_frees_the_number) {
    for (int i = 0; i < 300; ++i) {
        receive_op armed(far);
        ASSERT_EQ(submit(armed), submitted::queued);
        if (i % 3 != 0) turn(duration::zero());  // else it is still in the batch
        cancel(armed);
        const std::int32_t number = far.id;
        close(far);
        receive_op op(near);
        EXPECT_EQ(perform(op), 0);
        close(near);
        connect();
        if (i == 0) {
            EXPECT_LE(std::min(near.id, far.id), number);
        }
        EXPECT_EQ(send(near, "fresh"), 0);
        receive_op to(far);
        EXPECT_EQ(receive(to), "fresh");
    }
}

TEST_F(connected_test, closing_while_a_poll_for_space_is_armed_works) {
    const std::string much(32 << 20, 'x');
    const io_slice slice{std::string_view(much)};
    for (int i = 0; i < 20; ++i) {
        send_op op(near, &slice, 1);
        ASSERT_EQ(submit(op), submitted::queued);
        turn(5ms);
        cancel(op);
        finish(op);
        close(near);
        close(far);
        connect();
    }
}

TEST_F(connected_test, forgetting_leaves_the_connection_alone) {
    receive_op armed(far);
    ASSERT_EQ(submit(armed), submitted::queued);
    turn(duration::zero());
    cancel(armed);
    EXPECT_EQ(close(far, true), 0);
    const handle again = adopt(far.id);
    EXPECT_EQ(send(near, "alive"), 0);
    receive_op op(again);
    EXPECT_EQ(receive(op), "alive");
}

TEST_F(connected_test, an_empty_pool_parks_the_receive_until_a_buffer_is_back) {
    std::vector<lease> all;
    for (int i = 0; i < pool.count(); ++i) all.push_back(pool.lend());
    receive_op op(far);
    ASSERT_EQ(submit(op), submitted::queued);
    EXPECT_EQ(send(near, "patience"), 0);
    turn(20ms);
    EXPECT_FALSE(op.final);
    EXPECT_EQ(target->statistics().parked, 1U);
    all.pop_back();
    EXPECT_EQ(finish(op), 8);
    EXPECT_EQ(taken(op), "patience");
}

TEST_F(connected_test, one_broken_block_does_not_hurt_the_others_of_its_batch) {
    const int closed = ::dup(near.id);
    ::close(closed);
    const io_slice slice(std::string_view("x"));
    send_op broken({closed}, &slice, 1);
    send_op whole(near, &slice, 1);
    submit(broken);
    submit(whole);
    EXPECT_EQ(finish(whole), 0);
    EXPECT_EQ(finish(broken), -EBADF);
    receive_op unready({closed});
    EXPECT_EQ(perform(unready), -EBADF);
}

TEST_F(connected_test, an_idle_stream_makes_no_calls) {
    receive_op op(far);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(1ms);
    const std::uint64_t before = target->statistics().enters;
    for (int i = 0; i < 100; ++i) turn(duration::zero());
    EXPECT_EQ(target->statistics().enters, before);
    cancel(op);
}

// The yardstick: what a loop written straight on native AIO needs for a message, one submit for the read and one for
// the write with the next poll; waiting for the next message is not counted.
TEST_F(connected_test, an_echo_costs_two_submits) {
    receive_op op(far);
    const auto echo = [&] {
        submit(op);
        EXPECT_EQ(::send(near.id, "x", 1, 0), 1);
        finish(op);
        const lease got = pool.dequeue(op.received);
        EXPECT_EQ(send(far, got.text()), 0);
        char back = 0;
        while (::recv(near.id, &back, 1, 0) != 1) {
        }
    };
    for (int i = 0; i < 4; ++i) echo();
    const std::uint64_t before = target->statistics().enters;
    for (int i = 0; i < 100; ++i) echo();
    EXPECT_LE(target->statistics().enters - before, 200U);
}

}  // namespace
}  // namespace penstock::detail
