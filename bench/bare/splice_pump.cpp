#include "../support/sockets.hpp"
#include "pumps.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

namespace {

// The bytes stay in the kernel: from a socket into a pipe and from the pipe into the other socket. Edge-triggered, with
// a pipe for each direction.
class splice_pump {
  public:
    splice_pump(int listener, const sockaddr_in& upstream, int pipe_capacity)
        : listener_{listener},
          upstream_{upstream},
          pipe_capacity_{pipe_capacity},
          epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
          sockets_(static_cast<std::size_t>(raise_descriptor_limit())) {
        ::signal(SIGPIPE, SIG_IGN);  // splice(2) has no MSG_NOSIGNAL
        set_nonblocking(listener_);
        watch(listener_, EPOLLIN);
    }

    [[noreturn]] void run() {
        std::array<epoll_event, 512> events;
        for (;;) {
            const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < ready; ++i) {
                dispatch(events[static_cast<std::size_t>(i)].data.fd);
            }
            for (const int descriptor : to_close_) {
                ::close(descriptor);
            }
            to_close_.clear();
        }
    }

  private:
    static constexpr std::size_t at_once = std::size_t{1} << 20;

    // One of a pair; `other` is -1 once it is over. What it receives goes through the pipe.
    struct endpoint {
        int other = -1;
        std::array<int, 2> pipe{-1, -1};
        std::size_t in_pipe = 0;
    };

    void watch(int descriptor, std::uint32_t what) const {
        epoll_event event{};
        event.events = what;
        event.data.fd = descriptor;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    void dispatch(int socket) {
        if (socket == listener_) {
            accept_all();
            return;
        }
        // It may have become readable, or writable for what the other side has in its pipe.
        if (at(socket).other >= 0) {
            forward(at(socket).other);
        }
        if (at(socket).other >= 0) {
            forward(socket);
        }
    }

    void accept_all() {
        for (;;) {
            const int client = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (client >= 0) {
                const int server = connect_to(upstream_);  // on the loopback it does not wait
                set_nonblocking(server);
                open(client, server);
                open(server, client);
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void open(int socket, int other) {
        endpoint& made = at(socket);
        made = {.other = other};
        check(::pipe2(made.pipe.data(), O_NONBLOCK | O_CLOEXEC), "pipe2");
        if (pipe_capacity_ != 0) {
            check(::fcntl(made.pipe[0], F_SETPIPE_SZ, pipe_capacity_), "fcntl(F_SETPIPE_SZ)");
        }
        watch(socket, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
    }

    // Moves what there is until the socket is empty or the other side takes no more.
    void forward(int from) {
        endpoint& source = at(from);
        for (;;) {
            if (source.in_pipe == 0) {
                const ssize_t taken = move(from, source.pipe[1], at_once);
                if (taken < 0 && errno == EAGAIN) {
                    return;
                }
                if (taken <= 0) {
                    end(from);
                    return;
                }
                source.in_pipe = static_cast<std::size_t>(taken);
            }
            const ssize_t given = move(source.pipe[0], source.other, source.in_pipe);
            if (given < 0 && errno == EAGAIN) {
                return;
            }
            if (given <= 0) {
                end(from);
                return;
            }
            source.in_pipe -= static_cast<std::size_t>(given);
        }
    }

    static ssize_t move(int from, int to, std::size_t size) {
        return ::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    }

    // Closed after the turn, as later events of the turn may name them.
    void end(int socket) {
        for (const int each : {socket, at(socket).other}) {
            to_close_.insert(to_close_.end(), {each, at(each).pipe[0], at(each).pipe[1]});
            at(each) = {};
        }
    }

    endpoint& at(int socket) { return sockets_[static_cast<std::size_t>(socket)]; }

    int listener_;
    sockaddr_in upstream_;
    int pipe_capacity_;  // 0: what the kernel gives it
    int epoll_;
    std::vector<endpoint> sockets_;
    std::vector<int> to_close_;
};

}  // namespace

void pump_with_splice(int listener, const sockaddr_in& upstream) { splice_pump{listener, upstream, 0}.run(); }

void pump_with_large_pipes(int listener, const sockaddr_in& upstream) {
    splice_pump{listener, upstream, 512 * 1024}.run();
}

}  // namespace bench
