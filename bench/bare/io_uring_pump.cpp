#include "../support/sockets.hpp"
#include "pumps.hpp"
#include "ring.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

namespace {

// The echo loop of io_uring.cpp, with the messages sent to the other socket of a pair.
class io_uring_pump {
  public:
    io_uring_pump(int listener, const sockaddr_in& upstream, bool zero_copy)
        : listener_{listener},
          upstream_{upstream},
          zero_copy_{zero_copy},
          sockets_(static_cast<std::size_t>(raise_descriptor_limit())) {}

    [[noreturn]] void run() {
        accept();
        for (;;) {
            ring_.enter(1);
            dispatch_all();
            if (buffers_.publish()) {
                revive_starved();
            }
        }
    }

  private:
    enum class step : std::uint8_t { ignored, accepted, received, sent };

    static constexpr std::uint16_t none = 0xffff;
    // Large enough that a response of 64 KiB is few messages.
    static constexpr unsigned buffers = 1024;
    static constexpr unsigned buffer_size = 16384;

    // One of a pair. The messages to send on it are chained through next_: at most one send is under way.
    struct endpoint {
        int other = -1;
        std::uint16_t first = none;
        std::uint16_t last = none;
        bool ended = false;
    };

    void dispatch_all() {
        unsigned head = 0;
        unsigned seen = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_.native(), head, completion) {
            dispatch(*completion);
            ++seen;
        }
        ::io_uring_cq_advance(&ring_.native(), seen);
    }

    void dispatch(const io_uring_cqe& completion) {
        const int socket = static_cast<int>(completion.user_data >> 8);
        switch (static_cast<step>(completion.user_data & 0xff)) {
            case step::ignored: return;
            case step::accepted: return on_accepted(completion);
            case step::received: return on_received(socket, completion);
            case step::sent: return on_sent(socket, completion);
        }
    }

    void on_accepted(const io_uring_cqe& completion) {
        if (completion.res >= 0) {
            const int client = completion.res;
            const int server = connect_to(upstream_);  // on the loopback it does not wait
            at(client) = {.other = server};
            at(server) = {.other = client};
            receive(client);
            receive(server);
        } else if (completion.res != -ECONNABORTED && completion.res != -EINTR) {
            fail("accept", -completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) == 0) {
            accept();
        }
    }

    void on_received(int socket, const io_uring_cqe& completion) {
        if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
            const auto buffer = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            queue_message(at(socket).other, buffer, completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) != 0) {
            return;
        }
        if (completion.res > 0) {
            receive(socket);
        } else if (completion.res == -ENOBUFS) {
            starved_.push_back(socket);
        } else {
            at(socket).ended = true;
            end_if_drained(socket);
        }
    }

    void queue_message(int socket, std::uint16_t buffer, int size) {
        if (size <= 0) {
            buffers_.give_back(buffer);
            return;
        }
        endpoint& to = at(socket);
        size_[buffer] = static_cast<std::uint16_t>(size);
        next_[buffer] = none;
        if (to.first == none) {
            to.first = buffer;
            send(socket, buffer);
        } else {
            next_[to.last] = buffer;
        }
        to.last = buffer;
    }

    // Without a copy there are two completions: of the send, and when the kernel has done with the buffer. The next
    // send waits for the second, too, which keeps one buffer of a socket with the kernel at a time.
    void on_sent(int socket, const io_uring_cqe& completion) {
        endpoint& to = at(socket);
        if ((completion.flags & IORING_CQE_F_NOTIF) == 0 && completion.res < 0) {
            ::shutdown(socket, SHUT_RDWR);  // the receive that is armed then ends
        }
        if ((completion.flags & IORING_CQE_F_MORE) != 0) {
            return;
        }
        const std::uint16_t buffer = to.first;
        to.first = next_[buffer];
        buffers_.give_back(buffer);
        if (to.first != none) {
            send(socket, to.first);
        } else {
            end_if_drained(to.other);
        }
    }

    // Once one side has ended and its last message is sent on, so does the other; then both are closed.
    void end_if_drained(int socket) {
        const int other = at(socket).other;
        if (!at(socket).ended || at(other).first != none) {
            return;
        }
        if (!at(other).ended) {
            ::shutdown(other, SHUT_RDWR);
        } else if (at(socket).first == none) {
            close(socket);
            close(other);
        }
    }

    // A receive that found no buffer starts again when some have come back.
    void revive_starved() {
        for (const int socket : starved_) {
            receive(socket);
        }
        starved_.clear();
    }

    void accept() {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        tag(entry, listener_, step::accepted);
    }

    void receive(int socket) {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_recv_multishot(&entry, socket, nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.buf_group = provided_buffers::group;
        tag(entry, socket, step::received);
    }

    void send(int socket, std::uint16_t buffer) {
        io_uring_sqe& entry = ring_.prepare();
        const int how = MSG_NOSIGNAL | MSG_WAITALL;
        if (zero_copy_) {
            ::io_uring_prep_send_zc(&entry, socket, buffers_.at(buffer), size_[buffer], how, 0);
        } else {
            ::io_uring_prep_send(&entry, socket, buffers_.at(buffer), size_[buffer], how);
        }
        tag(entry, socket, step::sent);
    }

    void close(int socket) {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_close(&entry, socket);
        tag(entry, socket, step::ignored);
    }

    static void tag(io_uring_sqe& entry, int socket, step kind) {
        entry.user_data = (static_cast<std::uint64_t>(socket) << 8) | static_cast<std::uint64_t>(kind);
    }

    endpoint& at(int socket) { return sockets_[static_cast<std::size_t>(socket)]; }

    int listener_;
    sockaddr_in upstream_;
    bool zero_copy_;
    std::vector<endpoint> sockets_;
    submission_ring ring_;
    provided_buffers buffers_{ring_.native(), buffers, buffer_size};
    std::array<std::uint16_t, buffers> size_{};
    std::array<std::uint16_t, buffers> next_{};
    std::vector<int> starved_;
};

}  // namespace

void pump_with_io_uring(int listener, const sockaddr_in& upstream) { io_uring_pump{listener, upstream, false}.run(); }

void pump_with_io_uring_zero_copy(int listener, const sockaddr_in& upstream) {
    io_uring_pump{listener, upstream, true}.run();
}

}  // namespace bench
