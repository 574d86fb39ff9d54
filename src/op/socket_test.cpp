#include <sys/socket.h>

#include "op/call.hpp"
#include "support/descriptor.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/un.h>

#include <cerrno>
#include <string>
#include <utility>

namespace penstock::detail {
namespace {

using testing::await;
using testing::closes_on_exec;
using testing::descriptor;
using testing::is_nonblocking;
using testing::temporary_directory;

descriptor new_socket(address_family family, socket_type type = socket_type::stream,
                      call_mode mode = call_mode::no_wait) {
    socket_op op(family, type);
    const std::int32_t r = call(op, mode);
    EXPECT_GE(r, 0);
    return descriptor(r);
}

template <class Op, class... Arguments>
std::int32_t done(Arguments&&... arguments) {
    Op op(std::forward<Arguments>(arguments)...);
    return call(op, call_mode::no_wait);
}

endpoint name_of(handle h, bool peer = false) {
    name_op op(h, peer);
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    return op.address;
}

descriptor new_listener(const endpoint& at = endpoint::loopback(0), int backlog = 16) {
    descriptor listener = new_socket(at.family());
    EXPECT_EQ(done<bind_op>(listener.name(), at), 0);
    EXPECT_EQ(done<listen_op>(listener.name(), backlog), 0);
    return listener;
}

// The whole of a connect as a readiness backend makes it.
std::int32_t connect_and_wait(handle h, const endpoint& to) {
    const std::int32_t r = done<connect_op>(h, to);
    if (r != -EAGAIN) return r;
    await(h, POLLOUT);
    return connect_outcome(h);
}

descriptor accept_one(handle listener) {
    await(listener, POLLIN);
    accept_op op(listener, 1);
    EXPECT_EQ(call(op, call_mode::no_wait), 1);
    return op.accepted.empty() ? descriptor() : descriptor(op.accepted.pop().id);
}

endpoint unix_endpoint(const std::string& path) { return endpoint::parse("unix:" + path).value(); }

bool ipv6_is_missing() {
    socket_op op(address_family::ipv6, socket_type::stream);
    const descriptor probe(call(op, call_mode::no_wait));
    return probe.get() < 0 || done<bind_op>(probe.name(), endpoint::loopback6(0)) < 0;
}

// --- socket ------------------------------------------------------------------------------------------------

TEST(socket_call, makes_sockets_that_sleep_only_for_the_blocking_mode) {
    for (const auto family : {address_family::ipv4, address_family::unix_path}) {
        for (const auto type : {socket_type::stream, socket_type::datagram}) {
            const descriptor polled = new_socket(family, type, call_mode::no_wait);
            EXPECT_TRUE(is_nonblocking(polled.name()));
            EXPECT_TRUE(closes_on_exec(polled.name()));
            const descriptor sleeping = new_socket(family, type, call_mode::blocking);
            EXPECT_FALSE(is_nonblocking(sleeping.name()));
            EXPECT_TRUE(closes_on_exec(sleeping.name()));
        }
    }
}

TEST(socket_call, knows_no_socket_without_a_family) {
    EXPECT_EQ(done<socket_op>(address_family::none, socket_type::stream), -EAFNOSUPPORT);
}

// --- bind, listen, name
// --------------------------------------------------------------------------------------

TEST(socket_call, a_bound_port_has_a_name_and_is_taken) {
    const descriptor listener = new_listener();
    const endpoint here = name_of(listener.name());
    EXPECT_EQ(here.family(), address_family::ipv4);
    EXPECT_NE(here.port(), 0);
    EXPECT_EQ(here.to_string(), "127.0.0.1:" + std::to_string(here.port()));

    const descriptor second = new_socket(address_family::ipv4);
    EXPECT_EQ(done<bind_op>(second.name(), here), -EADDRINUSE);
    EXPECT_EQ(done<bind_op>(listener.name(), endpoint::loopback(0)), -EINVAL) << "bound already";
    EXPECT_EQ(done<bind_op>(second.name(), endpoint::parse("192.0.2.1:0").value()), -EADDRNOTAVAIL);
    EXPECT_EQ(done<bind_op>(second.name(), endpoint()), -EINVAL);

    name_op of_peer(listener.name(), true);
    EXPECT_EQ(call(of_peer, call_mode::no_wait), -ENOTCONN);
    EXPECT_EQ(of_peer.address.to_string(), "none");
}

TEST(socket_call, ipv6_names) {
    if (ipv6_is_missing()) GTEST_SKIP() << "there is no IPv6 here";
    const descriptor listener = new_listener(endpoint::loopback6(0));
    const endpoint here = name_of(listener.name());
    EXPECT_EQ(here, endpoint::parse("[::1]:" + std::to_string(here.port())));
    const descriptor client = new_socket(address_family::ipv6);
    EXPECT_EQ(connect_and_wait(client.name(), here), 0);
    EXPECT_EQ(name_of(client.name(), true), here);
}

TEST(socket_call, unix_names) {
    const temporary_directory directory;
    const endpoint at = unix_endpoint(directory / "socket");
    const descriptor listener = new_listener(at);
    EXPECT_EQ(name_of(listener.name()), at);
    EXPECT_EQ(name_of(listener.name()).to_string(), at.to_string());

    const descriptor second = new_socket(address_family::unix_path);
    EXPECT_EQ(done<bind_op>(second.name(), at), -EADDRINUSE);
    EXPECT_EQ(done<bind_op>(second.name(), unix_endpoint(directory / "missing/socket")), -ENOENT);

    const descriptor client = new_socket(address_family::unix_path);
    EXPECT_EQ(connect_and_wait(client.name(), at), 0);
    const descriptor server = accept_one(listener.name());
    EXPECT_EQ(name_of(client.name(), true), at);
    EXPECT_EQ(name_of(server.name(), true).to_string(), "unix:") << "the client has no name";
}

TEST(socket_call, a_unix_path_of_the_full_length_works) {
    const temporary_directory directory;
    std::string path = directory / "";
    if (path.size() >= sizeof(::sockaddr_un::sun_path)) GTEST_SKIP() << "the temporary directory's name is too long";
    path.resize(sizeof(::sockaddr_un::sun_path), 'p');
    const descriptor listener = new_listener(unix_endpoint(path));
    const endpoint here = name_of(listener.name());
    EXPECT_LE(here.raw_size(), endpoint::capacity) << "the kernel counts a final zero that does not fit";
    EXPECT_EQ(here.path(), path);
    const descriptor client = new_socket(address_family::unix_path);
    EXPECT_EQ(connect_and_wait(client.name(), here), 0);
}

TEST(socket_call, abstract_names) {
    const std::string name = "@penstock-test-" + std::to_string(::getpid());
    const descriptor listener = new_listener(unix_endpoint(name));
    EXPECT_EQ(name_of(listener.name()).path(), name);
    const descriptor client = new_socket(address_family::unix_path);
    EXPECT_EQ(connect_and_wait(client.name(), unix_endpoint(name)), 0);
}

TEST(socket_call, only_streams_listen) {
    const descriptor datagram = new_socket(address_family::ipv4, socket_type::datagram);
    EXPECT_EQ(done<listen_op>(datagram.name(), 1), -EOPNOTSUPP);
}

// --- accept, connect, shutdown
// -------------------------------------------------------------------------------

TEST(socket_call, accept_waits_its_turn_and_delivers_in_order) {
    const descriptor listener = new_listener();
    const endpoint here = name_of(listener.name());
    accept_op op(listener.name(), 4);
    EXPECT_EQ(call(op, call_mode::no_wait), -EAGAIN);

    descriptor clients[3];
    for (descriptor& client : clients) {
        client = new_socket(address_family::ipv4);
        ASSERT_EQ(connect_and_wait(client.name(), here), 0);
        await(listener.name(), POLLIN);
        EXPECT_EQ(call(op, call_mode::no_wait), 1);
    }
    EXPECT_EQ(call(op, call_mode::no_wait), -EAGAIN);
    EXPECT_EQ(op.accepted.size(), 3U);
    for (const descriptor& client : clients) {
        const descriptor server(op.accepted.pop().id);
        EXPECT_TRUE(is_nonblocking(server.name()));
        EXPECT_TRUE(closes_on_exec(server.name()));
        EXPECT_EQ(name_of(server.name(), true), name_of(client.name()));
    }
}

TEST(socket_call, accept_in_blocking_mode_makes_blocking_sockets) {
    const descriptor listener = new_listener();
    const descriptor client = new_socket(address_family::ipv4);
    ASSERT_EQ(connect_and_wait(client.name(), name_of(listener.name())), 0);
    await(listener.name(), POLLIN);
    accept_op op(listener.name(), 1);
    ASSERT_EQ(call(op, call_mode::blocking), 1);
    const descriptor server(op.accepted.pop().id);
    EXPECT_FALSE(is_nonblocking(server.name()));
}

TEST(socket_call, accept_on_what_does_not_listen_is_an_error) {
    const descriptor bound = new_socket(address_family::ipv4);
    ASSERT_EQ(done<bind_op>(bound.name(), endpoint::loopback(0)), 0);
    EXPECT_EQ(done<accept_op>(bound.name(), 1U), -EINVAL);
    const descriptor datagram = new_socket(address_family::ipv4, socket_type::datagram);
    EXPECT_EQ(done<accept_op>(datagram.name(), 1U), -EOPNOTSUPP);
}

TEST(accepted_queue, keeps_the_order_beyond_its_limit_and_can_be_refilled) {
    accepted_queue queue(2);
    EXPECT_TRUE(queue.empty());
    for (int i = 0; i < 3; ++i) queue.push({i});  // one was on its way
    EXPECT_TRUE(queue.full());
    EXPECT_EQ(queue.pop(), handle{0});
    EXPECT_EQ(queue.pop(), handle{1});
    EXPECT_FALSE(queue.full());
    queue.push({3});
    EXPECT_EQ(queue.pop(), handle{2});
    EXPECT_EQ(queue.pop(), handle{3});
    EXPECT_TRUE(queue.empty());
    for (int i = 0; i < 1000; ++i) {  // never empty in between
        queue.push({2 * i});
        queue.push({2 * i + 1});
        if (i > 0) {
            ASSERT_EQ(queue.pop(), handle{2 * i - 1});
        }
        ASSERT_EQ(queue.pop(), handle{2 * i});
    }
    EXPECT_EQ(queue.size(), 1U);
}

TEST(socket_call, connect_to_a_port_without_listener_is_refused) {
    const descriptor bound = new_socket(address_family::ipv4);  // keeps the port from being used by others
    ASSERT_EQ(done<bind_op>(bound.name(), endpoint::loopback(0)), 0);
    const endpoint there = name_of(bound.name());
    const descriptor client = new_socket(address_family::ipv4);
    EXPECT_EQ(connect_and_wait(client.name(), there), -ECONNREFUSED);
    const descriptor sleeping = new_socket(address_family::ipv4, socket_type::stream, call_mode::blocking);
    connect_op op(sleeping.name(), there);
    EXPECT_EQ(call(op, call_mode::blocking), -ECONNREFUSED);
}

TEST(socket_call, connect_that_cannot_be_done_says_why) {
    const temporary_directory directory;
    const descriptor local = new_socket(address_family::unix_path);
    EXPECT_EQ(done<connect_op>(local.name(), unix_endpoint(directory / "missing")), -ENOENT);
    EXPECT_EQ(done<connect_op>(local.name(), endpoint::loopback(1)), -EINVAL) << "another family";
    const descriptor client = new_socket(address_family::ipv4);
    EXPECT_EQ(done<connect_op>(client.name(), endpoint()), -EINVAL);

    const descriptor listener = new_listener();
    EXPECT_EQ(connect_and_wait(client.name(), name_of(listener.name())), 0);
    EXPECT_EQ(done<connect_op>(client.name(), name_of(listener.name())), 0) << "the kernel says it once more";
    EXPECT_EQ(done<connect_op>(client.name(), name_of(listener.name())), -EISCONN);
}

TEST(socket_call, connect_to_a_full_unix_backlog_is_a_refusal) {
    const temporary_directory directory;
    const endpoint at = unix_endpoint(directory / "socket");
    const descriptor listener = new_listener(at, 0);
    const descriptor first = new_socket(address_family::unix_path);
    EXPECT_EQ(done<connect_op>(first.name(), at), 0);
    const descriptor second = new_socket(address_family::unix_path);
    EXPECT_EQ(done<connect_op>(second.name(), at), -ECONNREFUSED) << "it would never become writable";
}

TEST(socket_call, shutdown_ends_one_side) {
    const descriptor listener = new_listener();
    const descriptor client = new_socket(address_family::ipv4);
    EXPECT_EQ(done<shutdown_op>(client.name(), shutdown_side::send), -ENOTCONN);
    ASSERT_EQ(connect_and_wait(client.name(), name_of(listener.name())), 0);
    const descriptor server = accept_one(listener.name());

    EXPECT_EQ(done<shutdown_op>(client.name(), shutdown_side::send), 0);
    char byte = 0;
    await(server.name(), POLLIN);
    EXPECT_EQ(call_receive(receive_op(server.name()), &byte, 1, call_mode::no_wait), 0);
    testing::write_text(server.name(), "x");
    await(client.name(), POLLIN);
    EXPECT_EQ(call_receive(receive_op(client.name()), &byte, 1, call_mode::no_wait), 1);
    EXPECT_EQ(done<shutdown_op>(client.name(), shutdown_side::receive), 0);
    EXPECT_EQ(done<shutdown_op>(server.name(), shutdown_side::both), 0);
}

// --- options
// ---------------------------------------------------------------------------------------------------

int option_of(handle h, socket_option option) {
    option_op op(h, option, -77, false);
    EXPECT_EQ(call(op, call_mode::no_wait), 0);
    return op.value;
}

TEST(socket_call, every_option_can_be_set_and_read_back) {
    struct expectation {
        socket_option option;
        int set;
        int least;
        int most;
    };
    constexpr int any = 1 << 30;
    const expectation table[] = {
        {socket_option::no_delay, 1, 1, any},
        {socket_option::no_delay, 0, 0, 0},
        {socket_option::keep_alive, 1, 1, any},
        {socket_option::keep_alive, 0, 0, 0},
        {socket_option::reuse_address, 1, 1, any},
        {socket_option::reuse_port, 1, 1, any},
        {socket_option::send_buffer, 8192, 8192, any},
        {socket_option::receive_buffer, 8192, 8192, any},
        {socket_option::linger, 5, 5, 5},
        {socket_option::linger, 0, 0, 0},
        {socket_option::linger, -1, -1, -1},
        {socket_option::defer_accept, 2, 2, 60},
        {socket_option::quick_ack, 0, 0, 1},
        {socket_option::fast_open, 16, 16, 16},
        {socket_option::user_timeout, 1500, 1500, 1500},
    };
    const descriptor socket = new_socket(address_family::ipv4);
    for (const auto& [option, set, least, most] : table) {
        SCOPED_TRACE(static_cast<int>(option));
        EXPECT_EQ(done<option_op>(socket.name(), option, set, true), 0);
        const int read_back = option_of(socket.name(), option);
        EXPECT_GE(read_back, least);
        EXPECT_LE(read_back, most);
    }
}

TEST(socket_call, ipv6_only_is_an_option_of_ipv6) {
    const descriptor v4 = new_socket(address_family::ipv4);
    EXPECT_LT(done<option_op>(v4.name(), socket_option::ipv6_only, 1, true), 0);
    if (ipv6_is_missing()) GTEST_SKIP() << "there is no IPv6 here";
    const descriptor v6 = new_socket(address_family::ipv6);
    for (const int value : {1, 0}) {
        EXPECT_EQ(done<option_op>(v6.name(), socket_option::ipv6_only, value, true), 0);
        EXPECT_EQ(option_of(v6.name(), socket_option::ipv6_only), value);
    }
}

TEST(socket_call, what_is_no_socket_has_no_socket_calls) {
    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    const descriptor writer(pipe.write_end.id);
    for (const auto option : {socket_option::keep_alive, socket_option::linger}) {
        EXPECT_EQ(done<option_op>(reader.name(), option, 1, true), -ENOTSOCK);
        EXPECT_EQ(done<option_op>(reader.name(), option, 1, false), -ENOTSOCK);
    }
    EXPECT_EQ(done<bind_op>(reader.name(), endpoint::loopback(0)), -ENOTSOCK);
    EXPECT_EQ(done<listen_op>(reader.name(), 1), -ENOTSOCK);
    EXPECT_EQ(done<accept_op>(reader.name(), 1U), -ENOTSOCK);
    EXPECT_EQ(done<connect_op>(reader.name(), endpoint::loopback(1)), -ENOTSOCK);
    EXPECT_EQ(done<shutdown_op>(reader.name(), shutdown_side::both), -ENOTSOCK);
    EXPECT_EQ(done<name_op>(reader.name(), false), -ENOTSOCK);
    EXPECT_EQ(connect_outcome(reader.name()), -ENOTSOCK);
    char byte = 0;
    EXPECT_EQ(call_receive(receive_op(reader.name()), &byte, 1, call_mode::no_wait), -ENOTSOCK);
    const io_slice slice(std::string_view("x"));
    EXPECT_EQ(done<send_op>(writer.name(), &slice, 1U), -ENOTSOCK);
}

}  // namespace
}  // namespace penstock::detail
