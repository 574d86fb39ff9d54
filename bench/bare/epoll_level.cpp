#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <sys/epoll.h>
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

// Level-triggered: a connection is always asked for readability, or for writability while something is unsent. With
// EPOLLONESHOT it is asked for anew after each event, which is a call per message.
class epoll_level_echo {
  public:
    epoll_level_echo(int listener, bool one_shot)
        : listener_{listener},
          epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
          also_{one_shot ? static_cast<std::uint32_t>(EPOLLONESHOT) : 0} {
        set_nonblocking(listener_);
        control(EPOLL_CTL_ADD, listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < ready; ++i) {
                const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
                if (descriptor == listener_) {
                    accept_all();
                } else {
                    serve(descriptor);
                }
            }
        }
    }

  private:
    void control(int how, int descriptor, std::uint32_t what) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = descriptor;
        check(::epoll_ctl(epoll_, how, descriptor, &event), "epoll_ctl");
    }

    void accept_all() const {
        for (;;) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection >= 0) {
                control(EPOLL_CTL_ADD, connection, EPOLLIN | also_);
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void serve(int connection) {
        if (!unsent_.empty() && unsent_.contains(connection)) {
            resume_sending(connection);
            return;
        }
        const ssize_t received = ::recv(connection, buffer_.data(), buffer_.size(), 0);
        if (received < 0 && errno == EAGAIN) {
            ask_again(connection);
            return;
        }
        if (received <= 0) {
            close(connection);
            return;
        }
        const ssize_t sent = ::send(connection, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
        if (sent == received) {
            ask_again(connection);
            return;
        }
        if (sent < 0 && errno != EAGAIN) {
            close(connection);
            return;
        }
        unsent_[connection].assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
        control(EPOLL_CTL_MOD, connection, EPOLLOUT | also_);
    }

    void ask_again(int connection) const {
        if (also_ != 0) {
            control(EPOLL_CTL_MOD, connection, EPOLLIN | also_);
        }
    }

    void resume_sending(int connection) {
        auto& bytes = unsent_[connection];
        const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            close(connection);
            return;
        }
        bytes.erase(bytes.begin(), bytes.begin() + (sent < 0 ? 0 : sent));
        if (bytes.empty()) {
            unsent_.erase(connection);
            control(EPOLL_CTL_MOD, connection, EPOLLIN | also_);
        } else if (also_ != 0) {
            control(EPOLL_CTL_MOD, connection, EPOLLOUT | also_);
        }
    }

    void close(int connection) {
        unsent_.erase(connection);
        ::close(connection);
    }

    int listener_;
    int epoll_;
    std::uint32_t also_;
    std::array<std::byte, max_message> buffer_;
    std::map<int, std::vector<std::byte>> unsent_;
};

}  // namespace

void echo_with_epoll_level(int listener) { epoll_level_echo{listener, false}.run(); }
void echo_with_epoll_one_shot(int listener) { epoll_level_echo{listener, true}.run(); }

}  // namespace bench
