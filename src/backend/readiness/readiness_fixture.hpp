// What the tests of mechanisms of readiness share: one that is made anew for each, and things to wait for.
#pragma once

#include "backend/driven_backend.hpp"
#include "base/unique_fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::detail {

/// Two connected sockets.
struct socket_pair {
    unique_fd near;
    unique_fd far;
};

inline socket_pair connected_unix() {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    return {unique_fd(ends[0]), unique_fd(ends[1])};
}

/// A TCP socket that listens on a free port of 127.0.0.1.
inline unique_fd listening_tcp() {
    unique_fd door(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(door.get(), reinterpret_cast<const ::sockaddr*>(&any), sizeof any), 0);
    EXPECT_EQ(::listen(door.get(), 512), 0);
    return door;
}

/// A socket that is connected to `door`, whose backlog it is in.
inline unique_fd connected_to(const unique_fd& door) {
    ::sockaddr_in at{};
    ::socklen_t size = sizeof at;
    EXPECT_EQ(::getsockname(door.get(), reinterpret_cast<::sockaddr*>(&at), &size), 0);
    unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(::connect(made.get(), reinterpret_cast<const ::sockaddr*>(&at), size), 0);
    return made;
}

inline socket_pair connected_tcp() {
    const unique_fd door = listening_tcp();
    unique_fd near = connected_to(door);
    return {std::move(near), unique_fd(::accept4(door.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK))};
}

inline void put(const unique_fd& to, std::string_view text, int flags = 0) {
    EXPECT_EQ(::send(to.get(), text.data(), text.size(), flags | MSG_NOSIGNAL), static_cast<::ssize_t>(text.size()));
}

/// A mechanism of readiness, made anew for each test.
class mechanism_fixture : public driven_backend {
  protected:
    using maker = std::expected<std::unique_ptr<backend>, setup_error> (*)(const backend_environment&);
    explicit mechanism_fixture(maker make) : make_(make) {}

    void SetUp() override {
        auto made = create();
        ASSERT_TRUE(made.has_value()) << made.error().message;
        target = std::move(*made);
    }

    virtual std::expected<std::unique_ptr<backend>, setup_error> create() { return make_(environment()); }

    void close(unique_fd& fd) {
        close_op op({fd.release()});
        EXPECT_EQ(submit(op), submitted::completed);
    }

    /// A TCP connection whose far side the backend has accepted, so that it knows all of it.
    socket_pair accepted_tcp() {
        unique_fd door = listening_tcp();
        adopt_op adopted(door.get(), true);
        EXPECT_GE(perform(adopted), 0);
        unique_fd near = connected_to(door);
        accept_op accept({door.get()}, 1);
        EXPECT_GT(perform(accept), 0);
        close(door);
        return {std::move(near), unique_fd(accept.accepted.pop().id)};
    }

    /// What a receive or read under way brings; an error as its text.
    std::string received(receive_op& op) {
        const std::int32_t r = finish(op);
        return r < 0 ? std::strerror(-r) : taken(op);
    }

    /// How many waits it takes to get through `limit` in which nothing is to be told. A few; a busy loop makes
    /// thousands.
    int waits_within(duration limit) {
        int waits = 0;
        for (const time_point end = clock::now() + limit; clock::now() < end; ++waits) turn(end - clock::now());
        return waits;
    }

  private:
    maker make_;
};

/// A limit of the process (getrlimit(2)), lowered for as long as this lives.
class lowered_limit {
  public:
    using resource = decltype(RLIMIT_NOFILE);
    lowered_limit(resource which, ::rlim_t to) : which_(which) {
        ::getrlimit(which_, &before_);
        const ::rlimit lower{.rlim_cur = to, .rlim_max = before_.rlim_max};
        EXPECT_EQ(::setrlimit(which_, &lower), 0);
    }
    ~lowered_limit() { ::setrlimit(which_, &before_); }
    lowered_limit(const lowered_limit&) = delete;
    lowered_limit& operator=(const lowered_limit&) = delete;

  private:
    resource which_;
    ::rlimit before_{};
};

/// Takes every descriptor below `end`, but for the last `free` of them.
inline std::vector<unique_fd> take_descriptors_below(int end, std::size_t free = 0) {
    std::vector<unique_fd> taken;
    while (taken.empty() || taken.back().get() < end - 1) taken.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    for (; free > 0 || taken.back().get() >= end; free -= taken.back().get() < end ? 1 : 0) taken.pop_back();
    return taken;
}

}  // namespace penstock::detail
