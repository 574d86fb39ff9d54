#include "contenders/accept/stage.hpp"
#include "support/sockets.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace iobench {

namespace {

void watch(int epoll, int descriptor, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = descriptor;
    bench::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
}

void accept_all(accept_stage& stage, std::size_t worker, int epoll, int listener) {
    for (;;) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection >= 0) {
            watch(epoll, connection, EPOLLIN);
            stage.took(worker);
        } else if (errno == EAGAIN) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            bench::fail("accept", errno);
        }
    }
}

/// Level-triggered, as the listener must be: an edge that one worker takes and does not use up is lost.
[[noreturn]] void work(accept_stage& stage, std::size_t worker, int listener, std::uint32_t also) {
    const int epoll = bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    bench::set_nonblocking(listener);
    watch(epoll, listener, EPOLLIN | also);
    std::array<epoll_event, 256> events;
    std::array<char, 4096> buffer;
    for (;;) {
        const int ready = ::epoll_wait(epoll, events.data(), events.size(), -1);
        for (int i = 0; i < ready; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == listener) {
                accept_all(stage, worker, epoll, listener);
                continue;
            }
            const ssize_t received = ::recv(descriptor, buffer.data(), buffer.size(), 0);
            if (received <= 0 ||
                ::send(descriptor, buffer.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL) < 0) {
                ::close(descriptor);
            }
        }
    }
}

accept_server made(const char* name, listening how) {
    const std::uint32_t also = how == listening::exclusive ? static_cast<std::uint32_t>(EPOLLEXCLUSIVE) : 0;
    return {{name, group::bare}, how, [also](accept_stage& stage, std::size_t worker, int listener) {
                work(stage, worker, listener, also);
            }};
}

}  // namespace

std::vector<accept_server> bare_accept_servers() {
    return {made("bare/epoll shared", listening::shared), made("bare/epoll exclusive", listening::exclusive),
            made("bare/epoll reuseport", listening::reuse_port)};
}

}  // namespace iobench
