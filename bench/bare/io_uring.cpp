#include "../support/sockets.hpp"
#include "mechanisms.hpp"
#include "ring.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

namespace {

// One enter per turn: it submits the sends of the messages that the last turn delivered and waits for more.
// Accept and receive are multishot, so nothing is ever re-armed on the way of a message.
class io_uring_echo {
  public:
    explicit io_uring_echo(int listener)
        : listener_{listener}, connections_(static_cast<std::size_t>(raise_descriptor_limit())) {}

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
    static constexpr unsigned buffers = 1024;

    // The messages to send back, chained through next_: at most one send is under way, or they could
    // overtake.
    struct connection {
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
        const int descriptor = static_cast<int>(completion.user_data >> 8);
        switch (static_cast<step>(completion.user_data & 0xff)) {
            case step::ignored: return;
            case step::accepted: return on_accepted(completion);
            case step::received: return on_received(descriptor, completion);
            case step::sent: return on_sent(descriptor, completion.res);
        }
    }

    void on_accepted(const io_uring_cqe& completion) {
        if (completion.res >= 0) {
            at(completion.res) = {};
            receive(completion.res);
        } else if (completion.res != -ECONNABORTED && completion.res != -EINTR) {
            fail("accept", -completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) == 0) {
            accept();
        }
    }

    void on_received(int descriptor, const io_uring_cqe& completion) {
        if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
            const auto buffer = static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT);
            queue_message(descriptor, buffer, completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) != 0) {
            return;
        }
        if (completion.res > 0) {
            receive(descriptor);
        } else if (completion.res == -ENOBUFS) {
            starved_.push_back(descriptor);
        } else {
            at(descriptor).ended = true;
            close_if_drained(descriptor);
        }
    }

    void queue_message(int descriptor, std::uint16_t buffer, int size) {
        if (size <= 0) {
            buffers_.give_back(buffer);
            return;
        }
        connection& peer = at(descriptor);
        size_[buffer] = static_cast<std::uint16_t>(size);
        next_[buffer] = none;
        if (peer.first == none) {
            peer.first = buffer;
            send(descriptor, buffer);
        } else {
            next_[peer.last] = buffer;
        }
        peer.last = buffer;
    }

    void on_sent(int descriptor, int result) {
        connection& peer = at(descriptor);
        const std::uint16_t buffer = peer.first;
        peer.first = next_[buffer];
        buffers_.give_back(buffer);
        if (result < 0) {
            ::shutdown(descriptor, SHUT_RDWR);  // the receive that is armed then ends
        }
        if (peer.first != none) {
            send(descriptor, peer.first);
        } else {
            close_if_drained(descriptor);
        }
    }

    void close_if_drained(int descriptor) {
        const connection& peer = at(descriptor);
        if (peer.ended && peer.first == none) {
            io_uring_sqe& entry = ring_.prepare();
            ::io_uring_prep_close(&entry, descriptor);
            tag(entry, descriptor, step::ignored);
        }
    }

    // A receive that found no buffer starts again when some have come back.
    void revive_starved() {
        for (const int descriptor : starved_) {
            receive(descriptor);
        }
        starved_.clear();
    }

    void accept() {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        tag(entry, listener_, step::accepted);
    }

    void receive(int descriptor) {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_recv_multishot(&entry, descriptor, nullptr, 0, 0);
        entry.flags |= IOSQE_BUFFER_SELECT;
        entry.buf_group = provided_buffers::group;
        tag(entry, descriptor, step::received);
    }

    void send(int descriptor, std::uint16_t buffer) {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_send(&entry, descriptor, buffers_.at(buffer), size_[buffer], MSG_NOSIGNAL | MSG_WAITALL);
        tag(entry, descriptor, step::sent);
    }

    static void tag(io_uring_sqe& entry, int descriptor, step kind) {
        entry.user_data = (static_cast<std::uint64_t>(descriptor) << 8) | static_cast<std::uint64_t>(kind);
    }

    connection& at(int descriptor) { return connections_[static_cast<std::size_t>(descriptor)]; }

    int listener_;
    std::vector<connection> connections_;
    submission_ring ring_;
    provided_buffers buffers_{ring_.native(), buffers, max_message};
    std::array<std::uint16_t, buffers> size_{};
    std::array<std::uint16_t, buffers> next_{};
    std::vector<int> starved_;
};

}  // namespace

void echo_with_io_uring(int listener) { io_uring_echo{listener}.run(); }

}  // namespace bench
