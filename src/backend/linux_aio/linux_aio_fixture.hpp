// What the tests of this folder share: a backend driven as the loop would drive it, and things to try it on.
#pragma once

#include "backend/driven_backend.hpp"
#include "backend/linux_aio/linux_aio.hpp"
#include "base/unique_fd.hpp"

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

class linux_aio_test : public driven_backend {
  protected:
    linux_aio_test() { options.aio_slots = 1024; }
    void SetUp() override { create(); }

    /// Makes the backend anew, with `options` as they are now.
    void create() {
        target.reset();
        auto made = create_linux_aio(environment());
        ASSERT_TRUE(made.has_value()) << made.error().message;
        target = std::move(*made);
    }

    std::string receive(receive_op& op) { return receive_with(op); }

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
