// An echo server with libevent: plain events and calls, which its own benchmark uses and which are faster than
// bufferevents, one buffer for all, no locks. Edge-triggered and persistent, so each connection costs one epoll_ctl.
#if IOBENCH_HAS_LIBEVENT

#include "contenders/echo/peers/peers.hpp"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace iobench {

namespace {

std::array<char, 65536> shared_buffer;

class connection {
  public:
    connection(event_base* base, int fd) : fd_(fd) {
        readable_ = event_new(base, fd, EV_READ | EV_CLOSED | EV_ET | EV_PERSIST, on_input, this);
        writable_ = event_new(base, fd, EV_WRITE | EV_ET, on_room, this);
        event_add(readable_, nullptr);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;
    ~connection() {
        event_free(readable_);
        event_free(writable_);
        ::close(fd_);
    }

  private:
    static void on_input(evutil_socket_t, short what, void* of) {
        auto* const self = static_cast<connection*>(of);
        self->closed_ |= (what & EV_CLOSED) != 0;
        if (self->unsent_.empty() && !self->echo()) delete self;
    }

    static void on_room(evutil_socket_t, short, void* of) {
        auto* const self = static_cast<connection*>(of);
        const std::vector<char> bytes = std::move(self->unsent_);
        self->unsent_.clear();
        if (!self->send(bytes.data(), bytes.size()) || (self->unsent_.empty() && !self->echo())) delete self;
    }

    /// Until there is no more. A short read has emptied the socket, unless an end came with it, which makes no further
    /// edge. \return false if it is over
    bool echo() {
        for (;;) {
            const ssize_t size = ::recv(fd_, shared_buffer.data(), shared_buffer.size(), 0);
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
            if (size <= 0 || !send(shared_buffer.data(), static_cast<std::size_t>(size))) return false;
            if (!unsent_.empty()) return true;
            if (static_cast<std::size_t>(size) < shared_buffer.size() && !closed_) return true;
        }
    }

    /// What does not fit is kept. \return false if it is over
    bool send(const char* from, std::size_t size) {
        const ssize_t sent = ::send(fd_, from, size, MSG_NOSIGNAL);
        if (sent == static_cast<ssize_t>(size)) return true;
        if (sent < 0 && errno != EAGAIN) return false;
        unsent_.assign(from + (sent < 0 ? 0 : sent), from + size);
        event_add(writable_, nullptr);
        return true;
    }

    int fd_;
    event* readable_;
    event* writable_;
    std::vector<char> unsent_;
    bool closed_ = false;
};

void accept_all(evutil_socket_t listener, short, void* base) {
    for (;;) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        new connection(static_cast<event_base*>(base), fd);
    }
}

}  // namespace

void echo_with_libevent(int listener) {
    event_config* const wanted = event_config_new();
    event_config_set_flag(wanted, EVENT_BASE_FLAG_NOLOCK);
    event_config_require_features(wanted, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    event_base* const base = event_base_new_with_config(wanted);
    if (base == nullptr) {
        std::fputs("libevent: it has no edge-triggered epoll here\n", stderr);
        std::exit(1);
    }
    evutil_make_socket_nonblocking(listener);
    event_add(event_new(base, listener, EV_READ | EV_PERSIST, accept_all, base), nullptr);
    event_base_dispatch(base);
}

}  // namespace iobench

#endif
