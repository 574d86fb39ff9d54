#include "../support/sockets.hpp"
#include "pumps.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

namespace {

// The echo loop of epoll.cpp, with what is received sent to the other socket of a pair.
class epoll_pump {
  public:
    epoll_pump(int listener, const sockaddr_in& upstream)
        : listener_{listener},
          upstream_{upstream},
          epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
          sockets_(static_cast<std::size_t>(raise_descriptor_limit())) {
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
            for (const int socket : to_close_) {
                ::close(socket);
            }
            to_close_.clear();
        }
    }

  private:
    // One of a pair; `other` is -1 once it is over.
    struct endpoint {
        int other = -1;
        std::vector<std::byte> unsent;  // what this socket could not take yet
    };

    void watch(int descriptor, std::uint32_t what) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = descriptor;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    void dispatch(const epoll_event& event) {
        const int socket = event.data.fd;
        if (socket == listener_) {
            accept_all();
            return;
        }
        if (at(socket).other >= 0 && !at(socket).unsent.empty()) {
            resume_sending(socket);
        }
        // A hang-up makes no further edge, so a short receive is then not proof that the socket is empty.
        const bool hang_up = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
        if (at(socket).other >= 0 && ((event.events & EPOLLIN) != 0 || hang_up)) {
            forward(socket, hang_up);
        }
    }

    void accept_all() {
        for (;;) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client >= 0) {
                const int server = connect_to(upstream_);  // on the loopback it does not wait
                set_nonblocking(server);
                at(client) = {.other = server, .unsent = {}};
                at(server) = {.other = client, .unsent = {}};
                watch(client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
                watch(server, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    // Moves what there is, unless the other side is still busy with what came before.
    void forward(int socket, bool until_empty) {
        const int other = at(socket).other;
        while (at(other).unsent.empty()) {
            const ssize_t received = ::recv(socket, buffer_.data(), buffer_.size(), 0);
            if (received < 0 && errno == EAGAIN) {
                return;
            }
            if (received <= 0) {
                end(socket);
                return;
            }
            if (!send(other, static_cast<std::size_t>(received))) {
                return;
            }
            if (static_cast<std::size_t>(received) < buffer_.size() && !until_empty) {
                return;
            }
        }
    }

    // False when receiving has to stop: what did not fit is kept, or the pair is gone.
    bool send(int socket, std::size_t size) {
        const ssize_t sent = ::send(socket, buffer_.data(), size, MSG_NOSIGNAL);
        if (sent == static_cast<ssize_t>(size)) {
            return true;
        }
        if (sent < 0 && errno != EAGAIN) {
            end(socket);
            return false;
        }
        at(socket).unsent.assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + size);
        return false;
    }

    void resume_sending(int socket) {
        std::vector<std::byte>& bytes = at(socket).unsent;
        const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            bytes.clear();
            end(socket);
            return;
        }
        bytes.erase(bytes.begin(), bytes.begin() + (sent < 0 ? 0 : sent));
        if (bytes.empty()) {
            forward(at(socket).other, true);  // the edge of what arrived meanwhile has passed
        }
    }

    // What was received is sent on by now. Closed after the turn, as later events of the turn may name them.
    void end(int socket) {
        const int other = at(socket).other;
        at(socket) = {};
        at(other) = {};
        to_close_.push_back(socket);
        to_close_.push_back(other);
    }

    endpoint& at(int socket) { return sockets_[static_cast<std::size_t>(socket)]; }

    int listener_;
    sockaddr_in upstream_;
    int epoll_;
    std::vector<endpoint> sockets_;
    std::vector<int> to_close_;
    std::array<std::byte, 65536> buffer_;
};

}  // namespace

void pump_with_epoll(int listener, const sockaddr_in& upstream) { epoll_pump{listener, upstream}.run(); }

}  // namespace bench
