// What the tests of this folder share: a backend driven as the loop would drive it, and things to try it on.
#pragma once

#include "backend/linux_aio/linux_aio.hpp"
#include "base/sigpipe.hpp"
#include "base/unique_fd.hpp"
#include "base/worker_pool.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <thread>

namespace penstock::detail {

using namespace std::chrono_literals;

class linux_aio_test : public ::testing::Test {
  protected:
    void SetUp() override { create(); }

    /// Makes the backend anew, with `options` as they are now.
    void create() {
        target.reset();
        auto made = create_linux_aio({.options = options, .buffers = pool, .workers = workers});
        ASSERT_TRUE(made.has_value()) << made.error().message;
        target = std::move(*made);
    }

    submitted submit(operation& op) {
        op.final = false;
        op.cancel_requested = false;
        op.state = op_state::submitted;
        return target->submit(op);
    }

    /// One turn: waits at most `limit` and drops what is ready, which tests look at through the operations.
    void turn(duration limit = 10s) {
        const time_point now = clock::now();
        target->wait(now, limit == duration::max() ? never : now + limit, out);
        drop_ready();
    }

    std::int32_t finish(operation& op) {
        const time_point limit = clock::now() + 20s;
        while (!op.final && clock::now() < limit) turn(1s);
        EXPECT_TRUE(op.final) << to_string(op.kind) << " does not end";
        return op.result;
    }

    std::int32_t perform(operation& op) {
        const submitted answer = submit(op);
        EXPECT_NE(answer, submitted::busy);
        return answer == submitted::completed ? op.result : finish(op);
    }

    void cancel(operation& op) {
        target->cancel(op, out);
        drop_ready();
    }

    /// Performs a receive or read and takes out what came; an error as its text.
    std::string receive(receive_op& op) {
        const std::int32_t r = perform(op);
        return r < 0 ? std::strerror(-r) : taken(op);
    }

    std::string taken(receive_op& op) {
        std::string text;
        while (!op.received.empty()) text += pool.dequeue(op.received).text();
        return text;
    }

    std::int32_t send(handle to, std::string_view text) {
        const io_slice slice(text);
        send_op op(to, &slice, 1);
        return perform(op);
    }

    std::int32_t close(handle h, bool forget_only = false) {
        close_op op(h, forget_only);
        EXPECT_EQ(submit(op), submitted::completed);
        return op.result;
    }

    handle adopt(int fd) {
        adopt_op op(fd);
        EXPECT_EQ(submit(op), submitted::completed);
        return {op.result};
    }

    void drop_ready() {
        while (ready_item* const item = out.ready().pop()) static_cast<operation*>(item)->ready = false;
    }

    sigpipe_block no_sigpipe;  // as loops have it
    buffer_pool pool{{.buffer_size = 4096, .count = 512}};
    worker_pool workers{2, 64};
    backend_options options{.aio_slots = 1024};
    completions out;
    std::unique_ptr<backend> target;
};

/// Two connected TCP sockets, both made by the backend.
class connected_test : public linux_aio_test {
  protected:
    void SetUp() override {
        linux_aio_test::SetUp();
        listener = open_listener();
        connect();
    }

    void TearDown() override {
        for (const handle h : {near, far, listener}) {
            if (h.valid()) close(h);
        }
    }

    handle open_listener() {
        socket_op socket(address_family::ipv4, socket_type::stream);
        EXPECT_EQ(submit(socket), submitted::completed);
        const handle made{socket.result};
        ::sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(made.id, reinterpret_cast<const ::sockaddr*>(&any), sizeof any), 0);
        EXPECT_EQ(::listen(made.id, 512), 0);
        ::socklen_t size = endpoint::capacity;
        EXPECT_EQ(::getsockname(made.id, reinterpret_cast<::sockaddr*>(address.raw()), &size), 0);
        address.set_raw_size(static_cast<std::uint16_t>(size));
        return made;
    }

    void connect() {
        accept_op accept(listener, 4);
        ASSERT_EQ(submit(accept), submitted::queued);
        socket_op socket(address_family::ipv4, socket_type::stream);
        ASSERT_EQ(submit(socket), submitted::completed);
        near = {socket.result};
        connect_op op(near, address);
        ASSERT_EQ(perform(op), 0);
        ASSERT_EQ(finish(accept), 1);
        far = accept.accepted.pop();
    }

    endpoint address;
    handle listener;
    handle near;
    handle far;
};

/// A pair of anonymous pipe ends in blocking mode, as a program's standard streams are.
struct blocking_pipe {
    blocking_pipe() {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        out = unique_fd(ends[0]);
        in = unique_fd(ends[1]);
    }
    unique_fd out;
    unique_fd in;
};

inline void put(int fd, std::string_view text) {
    ASSERT_EQ(::write(fd, text.data(), text.size()), static_cast<::ssize_t>(text.size()));
}

}  // namespace penstock::detail
