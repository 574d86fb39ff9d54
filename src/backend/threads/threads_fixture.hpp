// What the tests of this folder share: a backend driven as the loop would drive it, and the sockets to try it
// on.
#pragma once

#include "backend/driven_backend.hpp"
#include "backend/threads/threads.hpp"
#include "base/unique_fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

namespace penstock::detail {

class threads_test : public driven_backend {
  protected:
    threads_test() : driven_backend({.buffer_size = 4096, .count = 8}, 1, 1) { options.max_threads = 64; }
    void SetUp() override { create(); }

    /// Makes the backend anew, with `options` as they are now.
    void create() {
        auto made = create_threads(environment());
        ASSERT_TRUE(made.has_value()) << made.error().message;
        target = std::move(*made);
    }

    std::string receive(receive_op& op) { return receive_with(op); }

    /// Gives threads the time to get into their system calls. Tests hold without it; it only makes the usual
    /// order of events likely.
    void let_block() { turn(20ms); }
};

inline handle of(const unique_fd& fd) { return {fd.get()}; }

/// Two connected Unix sockets; `flags` may hold SOCK_NONBLOCK.
struct unix_pair {
    explicit unix_pair(int flags = 0) {
        int ends[2] = {-1, -1};
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
        near = unique_fd(ends[0]);
        far = unique_fd(ends[1]);
    }
    unique_fd near;
    unique_fd far;
};

/// Writes all of it with plain calls, as a peer outside of the library would.
inline void put(const unique_fd& fd, std::string_view text) {
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<::ssize_t>(text.size()));
}

/// Reads what is there, at most `most` bytes, and at least one if the descriptor is blocking and not at its
/// end.
inline std::string take(const unique_fd& fd, std::size_t most = 4096) {
    std::string text(most, '\0');
    const ::ssize_t n = ::read(fd.get(), text.data(), text.size());
    text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
    return text;
}

/// A listening TCP socket on a free port of 127.0.0.1.
struct tcp_listener {
    explicit tcp_listener(int backlog = 64, int flags = 0)
        : socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0)) {
        ::sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(socket.get(), reinterpret_cast<const ::sockaddr*>(&any), sizeof any), 0);
        EXPECT_EQ(::listen(socket.get(), backlog), 0);
        ::socklen_t size = endpoint::capacity;
        EXPECT_EQ(::getsockname(socket.get(), reinterpret_cast<::sockaddr*>(address.raw()), &size), 0);
        address.set_raw_size(static_cast<std::uint16_t>(size));
    }
    unique_fd socket;
    endpoint address;
};

inline unique_fd tcp_socket(int flags = 0) {
    return unique_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

inline bool is_blocking(int fd) { return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0; }

}  // namespace penstock::detail
