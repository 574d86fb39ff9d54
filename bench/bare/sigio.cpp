#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <map>
#include <vector>

namespace bench {

namespace {

// Signal-driven: each connection sends a real-time signal when something has changed, and one blocking read of a
// signalfd takes many of them. The kernel says SIGIO when its queue of signals was full; then everybody is polled.
class sigio_echo {
  public:
    explicit sigio_echo(int listener) : listener_{listener}, signals_{open_signals()} {
        set_nonblocking(listener_);
        arm(listener_);
    }

    [[noreturn]] void run() {
        accept_all();
        for (;;) {
            const ssize_t size = ::read(signals_, queue_.data(), sizeof queue_);
            const std::size_t count = size < 0 ? 0 : static_cast<std::size_t>(size) / sizeof queue_[0];
            bool overflown = false;
            for (std::size_t i = 0; i < count; ++i) {
                if (queue_[i].ssi_signo == SIGIO) {
                    overflown = true;
                } else {
                    dispatch(queue_[i].ssi_fd, (queue_[i].ssi_band & (POLLHUP | POLLERR)) != 0);
                }
            }
            if (overflown) {
                poll_all();
            }
        }
    }

  private:
    static int open_signals() {
        sigset_t both;
        ::sigemptyset(&both);
        ::sigaddset(&both, SIGRTMIN);
        ::sigaddset(&both, SIGIO);
        check(::sigprocmask(SIG_BLOCK, &both, nullptr), "sigprocmask");
        return check(::signalfd(-1, &both, SFD_CLOEXEC), "signalfd");
    }

    void arm(int descriptor) {
        const f_owner_ex owner{F_OWNER_TID, ::gettid()};
        int on = 1;
        check(::fcntl(descriptor, F_SETOWN_EX, &owner), "F_SETOWN_EX");
        check(::fcntl(descriptor, F_SETSIG, SIGRTMIN), "F_SETSIG");
        check(::ioctl(descriptor, FIOASYNC, &on), "FIOASYNC");
        if (armed_.size() <= static_cast<std::size_t>(descriptor)) {
            armed_.resize(static_cast<std::size_t>(descriptor) + 1);
        }
        armed_[static_cast<std::size_t>(descriptor)] = true;
    }

    // The signal may be about a connection that is closed by now, or about an earlier one of the same number: all that
    // follows does not mind.
    void dispatch(int descriptor, bool hang_up) {
        if (!armed_[static_cast<std::size_t>(descriptor)]) {
            return;
        }
        if (descriptor == listener_) {
            accept_all();
            return;
        }
        if (unsent_.empty() || resume_sending(descriptor)) {
            echo(descriptor, hang_up);
        }
    }

    void poll_all() {
        std::vector<pollfd> all;
        for (std::size_t i = 0; i < armed_.size(); ++i) {
            if (armed_[i]) {
                all.push_back({.fd = static_cast<int>(i), .events = POLLIN | POLLOUT, .revents = 0});
            }
        }
        check(::poll(all.data(), all.size(), 0), "poll");
        for (const pollfd& each : all) {
            if (each.revents != 0) {
                dispatch(each.fd, true);
            }
        }
    }

    void accept_all() {
        for (;;) {
            const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (connection >= 0) {
                arm(connection);
                echo(connection, true);  // what came before it was armed has sent no signal
            } else if (errno == EAGAIN) {
                return;
            } else if (errno != EINTR && errno != ECONNABORTED) {
                fail("accept", errno);
            }
        }
    }

    // There is a signal for whatever has come, so one receive for each finds it all, unless it did not fit.
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
        return resume_sending(connection);  // the signal that there is room needs a send that found none
    }

    // False while something is still unsent.
    bool resume_sending(int connection) {
        const auto found = unsent_.find(connection);
        if (found == unsent_.end()) {
            return true;
        }
        auto& bytes = found->second;
        while (!bytes.empty()) {
            const ssize_t sent = ::send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno != EAGAIN) {
                close(connection);
            }
            if (sent < 0) {
                return false;
            }
            bytes.erase(bytes.begin(), bytes.begin() + sent);
        }
        unsent_.erase(found);
        echo(connection, true);  // the signal of what arrived meanwhile has passed
        return false;
    }

    void close(int connection) {
        unsent_.erase(connection);
        armed_[static_cast<std::size_t>(connection)] = false;
        ::close(connection);
    }

    int listener_;
    int signals_;
    std::vector<bool> armed_;  // by descriptor
    std::array<signalfd_siginfo, 128> queue_;
    std::array<std::byte, max_message> buffer_;
    std::map<int, std::vector<std::byte>> unsent_;
};

}  // namespace

void echo_with_sigio(int listener) { sigio_echo{listener}.run(); }

}  // namespace bench
