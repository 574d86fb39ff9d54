#include <sys/select.h>

#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <map>
#include <vector>

namespace bench {

namespace {

// The sets stay as they are from turn to turn and are copied for each: every connection is always asked for, but for
// one that has something unsent, which is asked for writability alone. What is told is looked for word by word.
class select_echo {
  public:
    explicit select_echo(int listener) : listener_{listener}, end_{listener + 1} {
        set_nonblocking(listener_);
        FD_SET(listener_, &to_read_);
    }

    [[noreturn]] void run() {
        for (;;) {
            fd_set read = to_read_;
            fd_set write = to_write_;
            if (::select(end_, &read, &write, nullptr, nullptr) <= 0) {
                continue;
            }
            const auto readable = std::bit_cast<words>(read);
            const auto writable = std::bit_cast<words>(write);
            for (std::size_t i = 0; i < readable.size(); ++i) {
                for (unsigned long left = readable[i] | writable[i]; left != 0; left &= left - 1) {
                    serve(static_cast<int>(i * 8 * sizeof left) + std::countr_zero(left));
                }
            }
        }
    }

  private:
    using words = std::array<unsigned long, sizeof(fd_set) / sizeof(unsigned long)>;

    void accept_all() {
        for (;;) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection >= FD_SETSIZE) {
                ::close(connection);
            } else if (connection >= 0) {
                FD_SET(connection, &to_read_);
                end_ = std::max(end_, connection + 1);
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    void serve(int connection) {
        if (connection == listener_) {
            accept_all();
            return;
        }
        if (!unsent_.empty() && unsent_.contains(connection)) {
            resume_sending(connection);
            return;
        }
        const ssize_t received = ::recv(connection, buffer_.data(), buffer_.size(), 0);
        if (received < 0 && errno == EAGAIN) {
            return;
        }
        if (received <= 0) {
            close(connection);
            return;
        }
        const ssize_t sent = ::send(connection, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
        if (sent == received) {
            return;
        }
        if (sent < 0 && errno != EAGAIN) {
            close(connection);
            return;
        }
        unsent_[connection].assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
        FD_CLR(connection, &to_read_);
        FD_SET(connection, &to_write_);
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
            FD_CLR(connection, &to_write_);
            FD_SET(connection, &to_read_);
        }
    }

    void close(int connection) {
        unsent_.erase(connection);
        FD_CLR(connection, &to_read_);
        FD_CLR(connection, &to_write_);
        ::close(connection);
    }

    int listener_;
    int end_;
    fd_set to_read_{};
    fd_set to_write_{};
    std::array<std::byte, max_message> buffer_;
    std::map<int, std::vector<std::byte>> unsent_;
};

}  // namespace

void echo_with_select(int listener) { select_echo{listener}.run(); }

}  // namespace bench
