#include "contenders/echo/peers/peers.hpp"

#include "contenders/echo/echo_servers.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace iobench {

namespace {

std::string missing(const char* library, const char* package) {
    return std::string(library) + " was not there when iobench was built (" + package + ")";
}

/// Why the kernel gives no ring; empty if it does.
std::string no_ring() {
    std::array<char, 256> parameters{};  // of io_uring_setup(2), which is shorter
    const auto ring = ::syscall(__NR_io_uring_setup, 1, parameters.data());
    if (ring < 0) return std::string("io_uring_setup: ") + std::strerror(errno);
    ::close(static_cast<int>(ring));
    return {};
}

echo_server peer(std::string name, const char* library, const char* package, peer_server* serve) {
    return {{std::move(name), group::peer, serve == nullptr ? missing(library, package) : ""}, serve};
}

}  // namespace

std::vector<echo_server> peer_echo_servers() {
    std::vector<echo_server> all = {
        peer("asio/epoll", "Asio", "libasio-dev", echo_with_asio_epoll),
        peer("asio/io_uring", "Asio", "libasio-dev", echo_with_asio_io_uring),
        peer("libuv", "libuv", "libuv1-dev", echo_with_libuv),
        peer("libevent", "libevent", "libevent-dev", echo_with_libevent),
    };
    if (all[1].who.unavailable.empty()) all[1].who.unavailable = no_ring();
    return all;
}

}  // namespace iobench
