#include <sys/epoll.h>

#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace bench {

namespace {

// Edge-triggered, with every kind of event armed once when the connection arrives: one epoll_ctl per
// connection for life, and the kernel need not poll each reported socket a second time as it does for a
// level-triggered one. The write edge is free: TCP only signals it after a send that did not fit.
class epoll_echo {
  public:
    explicit epoll_echo(int listener)
        : listener_{listener}, epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")} {
        set_nonblocking(listener_);
        watch(listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < ready; ++i) {
                dispatch(events[static_cast<std::size_t>(i)]);
            }
        }
    }

  private:
    void watch(int descriptor, std::uint32_t what) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = descriptor;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    void dispatch(const epoll_event& event) {
        const int descriptor = event.data.fd;
        if (descriptor == listener_) {
            accept_all();
            return;
        }
        if (!unsent_.empty() && !resume_sending(descriptor)) {
            return;
        }
        // A hang-up makes no further edge, so a short receive is then not proof that the socket is empty.
        const bool hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if ((event.events & EPOLLIN) != 0 || hang_up) {
            echo(descriptor, hang_up);
        }
    }

    void accept_all() const {
        for (;;) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection >= 0) {
                watch(connection, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void echo(int connection, bool until_empty) {
        for (;;) {
            const ssize_t received = ::recv(connection, buffer_.data(), buffer_.size(), 0);
            if (received < 0 && errno == EAGAIN) {
                return;
            }
            if (received <= 0) {
                close(connection);
                return;
            }
            if (!send(connection, static_cast<std::size_t>(received))) {
                return;
            }
            if (static_cast<std::size_t>(received) < buffer_.size() && !until_empty) {
                return;
            }
        }
    }

    // False when receiving has to stop: what did not fit is kept, or the connection is gone.
    bool send(int connection, std::size_t size) {
        const ssize_t sent = ::send(connection, buffer_.data(), size, MSG_NOSIGNAL);
        if (sent == static_cast<ssize_t>(size)) {
            return true;
        }
        if (sent < 0 && errno != EAGAIN) {
            close(connection);
            return false;
        }
        unsent_[connection].assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + size);
        return false;
    }

    // False while something is still unsent.
    bool resume_sending(int connection) {
        const auto found = unsent_.find(connection);
        if (found == unsent_.end()) {
            return true;
        }
        auto& bytes = found->second;
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            close(connection);
            return false;
        }
        if (sent < static_cast<ssize_t>(bytes.size())) {
            bytes.erase(bytes.begin(), bytes.begin() + (sent < 0 ? 0 : sent));
            return false;
        }
        unsent_.erase(found);
        echo(connection, true);  // the edge of what arrived meanwhile has passed
        return false;
    }

    void close(int connection) {
        unsent_.erase(connection);
        ::close(connection);
    }

    int listener_;
    int epoll_;
    std::array<std::byte, max_message> buffer_;
    std::map<int, std::vector<std::byte>> unsent_;
};

}  // namespace

void echo_with_epoll(int listener) { epoll_echo{listener}.run(); }

}  // namespace bench
