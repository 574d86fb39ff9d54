#include "op/call.hpp"
#include "support/descriptor.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string>
#include <utility>

namespace penstock::detail {
namespace {

using testing::closes_on_exec;
using testing::descriptor;
using testing::without_sleeping;

descriptor bound_socket(endpoint at = endpoint::loopback(0), call_mode mode = call_mode::no_wait) {
    socket_op made(at.family(), socket_type::datagram);
    const std::int32_t fd = call(made, mode);
    bind_op bound({fd}, at);
    EXPECT_EQ(call(bound, mode), 0);
    return descriptor(fd);
}

endpoint name_of(const descriptor& of) {
    name_op op(of.name(), false);
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    return op.address;
}

std::int32_t send_segments(const descriptor& by, const endpoint& to, std::string_view text, std::uint16_t segment,
                           bool one_by_one) {
    const io_slice all(text);
    send_message_op op(by.name(), &all, 1);
    op.to = to;
    op.segment = segment;
    op.one_by_one = one_by_one;
    return call(op, call_mode::no_wait);
}

struct received {
    std::int32_t result;
    std::string text;
    bool truncated;
    std::uint16_t segment;
};

received receive(const descriptor& from, bool joined = false) {
    std::string text(65536, '\0');
    const io_slice into(text.data(), text.size());
    receive_message_op op(from.name(), &into, 1);
    op.joined = joined;
    const std::int32_t r = call(op, call_mode::no_wait);
    text.resize(r < 0 ? 0 : static_cast<std::size_t>(r));
    return {r, text, op.truncated, op.segment};
}

TEST(message_call, without_a_message_says_so_and_does_not_sleep) {
    for (const call_mode socket_mode : {call_mode::no_wait, call_mode::blocking}) {
        const descriptor at = bound_socket(endpoint::loopback(0), socket_mode);
        const std::int32_t r = without_sleeping([&] { return receive(at).result; },
                                                [&] { EXPECT_EQ(send_segments(at, name_of(at), "x", 0, false), 0); });
        EXPECT_EQ(r, -EAGAIN);
    }
}

TEST(message_call, cuts_segments_with_the_kernel_and_without) {
    std::string text;
    for (int i = 0; i < 1003; ++i) text += static_cast<char>('a' + i % 26);
    for (const bool one_by_one : {false, true}) {
        const descriptor near = bound_socket();
        const descriptor far = bound_socket();
        EXPECT_EQ(send_segments(near, name_of(far), text, 10, one_by_one), 0);
        for (std::size_t at = 0; at < text.size(); at += 10) EXPECT_EQ(receive(far).text, text.substr(at, 10));
        EXPECT_EQ(receive(far).result, -EAGAIN);
    }
}

TEST(message_call, segments_that_the_kernel_refuses_are_sent_one_by_one) {
    const descriptor near = bound_socket();
    const descriptor far = bound_socket();
    // The kernel cuts nothing that has no checksum.
    const int on = 1;
    ASSERT_EQ(::setsockopt(near.get(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on), 0);
    const io_slice all(std::string_view("abcdefgh"));
    send_message_op op(near.name(), &all, 1);
    op.to = name_of(far);
    op.segment = 3;
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    EXPECT_TRUE(op.one_by_one) << "the case shows nothing";
    for (const char* const text : {"abc", "def", "gh"}) EXPECT_EQ(receive(far).text, text);
}

TEST(message_call, segments_may_be_joined_again) {
    const descriptor near = bound_socket();
    const descriptor far = bound_socket();
    option_op join(far.name(), socket_option::udp_join, 1, true);
    if (call(join, call_mode::no_wait) < 0) GTEST_SKIP() << "this kernel does not join";
    EXPECT_EQ(send_segments(near, name_of(far), "abcdefgh", 3, false), 0);
    const received r = receive(far, true);
    EXPECT_EQ(r.text, "abcdefgh");
    EXPECT_EQ(r.segment, 3);
}

/// Two ends of a Unix socket.
std::pair<descriptor, descriptor> connected_pair(int type) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return {descriptor(ends[0]), descriptor(ends[1])};
}

TEST(message_call, descriptors_are_passed_once_however_short_the_sends_are) {
    const auto [near, far] = connected_pair(SOCK_STREAM);
    const std::string text(3'000'000, 'x');
    const io_slice all{std::string_view(text)};
    send_message_op op(near.name(), &all, 1);
    const std::array<handle, 2> passed{near.name(), far.name()};
    op.descriptors = passed.data();
    op.descriptor_count = 2;
    std::size_t got = 0;
    std::size_t came = 0;
    for (std::int32_t sent = -EAGAIN; got < text.size();) {
        if (sent == -EAGAIN) sent = call(op, call_mode::no_wait);
        EXPECT_TRUE(sent == 0 || sent == -EAGAIN);
        std::string piece(100'000, '\0');
        const io_slice into(piece.data(), piece.size());
        receive_message_op receiving(far.name(), &into, 1);
        receiving.most_descriptors = most_passed_descriptors;
        const std::int32_t r = call(receiving, call_mode::no_wait);
        if (r == -EAGAIN) continue;
        ASSERT_GT(r, 0);
        got += static_cast<std::size_t>(r);
        came += receiving.descriptor_count;
        for (std::size_t i = 0; i < receiving.descriptor_count; ++i) {
            const descriptor one(receiving.descriptors[i].id);
            EXPECT_TRUE(closes_on_exec(one.name()));
        }
    }
    EXPECT_EQ(came, 2U);
    EXPECT_FALSE(may_carry_descriptors(bound_socket().name()));
    EXPECT_TRUE(may_carry_descriptors(near.name()));
}

TEST(message_call, only_asked_for_descriptors_come) {
    const auto [near, far] = connected_pair(SOCK_DGRAM);
    for (std::uint8_t most = 0; most <= 3; ++most) {
        const io_slice one(std::string_view("x"));
        send_message_op op(near.name(), &one, 1);
        const std::array<handle, 3> passed{near.name(), far.name(), near.name()};
        op.descriptors = passed.data();
        op.descriptor_count = 3;
        EXPECT_EQ(call(op, call_mode::no_wait), 0);
        char byte = 0;
        const io_slice into(&byte, 1);
        receive_message_op receiving(far.name(), &into, 1);
        receiving.most_descriptors = most;
        EXPECT_EQ(call(receiving, call_mode::no_wait), 1);
        EXPECT_EQ(receiving.descriptor_count, most);
        EXPECT_EQ(receiving.descriptors_lost, most < 3);
        for (std::size_t i = 0; i < receiving.descriptor_count; ++i) descriptor(receiving.descriptors[i].id).reset();
    }
}

}  // namespace
}  // namespace penstock::detail
