#include <poll.h>

#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <map>
#include <vector>

namespace bench {

namespace {

// The array stays as it is from turn to turn: poll(2) is level-triggered, so every connection is always asked for, but
// for one that has something unsent, which is asked for writability alone.
class poll_echo {
  public:
    explicit poll_echo(int listener) {
        set_nonblocking(listener);
        entries_.push_back({.fd = listener, .events = POLLIN, .revents = 0});
    }

    [[noreturn]] void run() {
        for (;;) {
            int left = ::poll(entries_.data(), entries_.size(), -1);
            // From the end, as the last entry takes the place of one that is closed.
            for (std::size_t i = entries_.size(); left > 0 && i-- > 1;) {
                if (entries_[i].revents != 0) {
                    --left;
                    serve(i);
                }
            }
            if (left > 0) {
                accept_all();
            }
        }
    }

  private:
    void accept_all() {
        for (;;) {
            const int connection = ::accept4(entries_[0].fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection >= 0) {
                entries_.push_back({.fd = connection, .events = POLLIN, .revents = 0});
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void serve(std::size_t at) {
        if (!unsent_.empty() && unsent_.contains(entries_[at].fd)) {
            resume_sending(at);
            return;
        }
        const int connection = entries_[at].fd;
        const ssize_t received = ::recv(connection, buffer_.data(), buffer_.size(), 0);
        if (received < 0 && errno == EAGAIN) {
            return;
        }
        if (received <= 0) {
            close(at);
            return;
        }
        const ssize_t sent = ::send(connection, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
        if (sent == received) {
            return;
        }
        if (sent < 0 && errno != EAGAIN) {
            close(at);
            return;
        }
        unsent_[connection].assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
        entries_[at].events = POLLOUT;
    }

    void resume_sending(std::size_t at) {
        auto& bytes = unsent_[entries_[at].fd];
        const ssize_t sent = ::send(entries_[at].fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN) {
            close(at);
            return;
        }
        bytes.erase(bytes.begin(), bytes.begin() + (sent < 0 ? 0 : sent));
        if (bytes.empty()) {
            unsent_.erase(entries_[at].fd);
            entries_[at].events = POLLIN;
        }
    }

    void close(std::size_t at) {
        unsent_.erase(entries_[at].fd);
        ::close(entries_[at].fd);
        entries_[at] = entries_.back();
        entries_.pop_back();
    }

    std::vector<pollfd> entries_;  // the first is the listener's
    std::array<std::byte, max_message> buffer_;
    std::map<int, std::vector<std::byte>> unsent_;
};

}  // namespace

void echo_with_poll(int listener) { poll_echo{listener}.run(); }

}  // namespace bench
