// The echo server of `tools/bench ladder`: on io_uring with the features that it is told, one more on each rung.
// `ladder_echo --listen 127.0.0.1:0 --with defer,multishot,buffer-ring`.

#include "bare/ladder_buffers.hpp"
#include "bare/ladder_ring.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace {

using bench::ladder_buffers;
using bench::ladder_features;
using bench::ladder_ring;

constexpr unsigned ring_entries = 512;
constexpr unsigned direct_slots = 4096;
constexpr unsigned bundle = 1U << 4;  // IORING_RECVSEND_BUNDLE, newer than the liburing of Debian 12

class ladder_echo {
  public:
    ladder_echo(int listener, const ladder_features& with)
        : listener_{listener},
          with_{with},
          ring_{with, ring_entries},
          connections_(with.direct ? direct_slots : static_cast<std::size_t>(bench::raise_descriptor_limit())) {
        if (with.multishot) {
            buffers_.emplace(ring_, with.buffer_ring);
        }
        if (with.direct) {
            if (const int result = ::io_uring_register_files_sparse(&ring_.native(), direct_slots); result < 0) {
                bench::fail("io_uring_register_files_sparse", -result);
            }
        }
    }

    [[noreturn]] void run() {
        accept();
        for (;;) {
            ring_.turn(1);
            dispatch_all();
            if (buffers_ && buffers_->publish()) {
                revive_starved();
            }
        }
    }

  private:
    enum class step : std::uint8_t { ignored, accepted, received, sent };

    static constexpr std::uint16_t none = 0xffff;

    // Without multishot a connection has one buffer of its own; with it, the messages to send back are chained through
    // next_: at most one send is under way, or they could overtake.
    struct connection {
        std::unique_ptr<std::byte[]> own;
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
        const auto peer = static_cast<int>(completion.user_data >> 8);
        switch (static_cast<step>(completion.user_data & 0xff)) {
            case step::ignored: return;
            case step::accepted: return on_accepted(completion);
            case step::received: return with_.multishot ? on_received(peer, completion) : on_read(peer, completion.res);
            case step::sent: return with_.multishot ? on_sent(peer, completion.res) : on_written(peer, completion.res);
        }
    }

    void on_accepted(const io_uring_cqe& completion) {
        if (completion.res >= 0) {
            connection& peer = at(completion.res);
            peer.first = peer.last = none;
            peer.ended = false;
            if (!with_.multishot && !peer.own) {
                peer.own = std::make_unique<std::byte[]>(ladder_buffers::size);
            }
            receive(completion.res);
        } else if (completion.res != -ECONNABORTED && completion.res != -EINTR) {
            bench::fail("accept", -completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) == 0) {
            accept();
        }
    }

    // --- one receive, one send, and again -------------------------------------------------------------------------

    void on_read(int peer, int result) {
        if (result <= 0) {
            close(peer);
        } else {
            send(peer, at(peer).own.get(), static_cast<unsigned>(result));
        }
    }

    void on_written(int peer, int result) {
        if (result < 0) {
            close(peer);
        } else {
            receive(peer);
        }
    }

    // --- a receive that goes on -----------------------------------------------------------------------------------

    void on_received(int peer, const io_uring_cqe& completion) {
        if ((completion.flags & IORING_CQE_F_BUFFER) != 0) {
            queue_messages(peer, static_cast<std::uint16_t>(completion.flags >> IORING_CQE_BUFFER_SHIFT),
                           completion.res);
        }
        if ((completion.flags & IORING_CQE_F_MORE) != 0) {
            return;
        }
        if (completion.res > 0) {
            receive(peer);
        } else if (completion.res == -ENOBUFS) {
            starved_.push_back(peer);
        } else {
            at(peer).ended = true;
            close_if_drained(peer);
        }
    }

    // What was received is in the buffer, and in those behind it if it is a bundle of several.
    void queue_messages(int peer, std::uint16_t buffer, int size) {
        if (size <= 0) {
            buffers_->give_back(buffer);
            return;
        }
        auto left = static_cast<unsigned>(size);
        for (;;) {
            const std::uint16_t next = buffers_->behind(buffer);  // before it is given back
            const unsigned part = std::min(left, ladder_buffers::size);
            queue_message(peer, buffer, static_cast<std::uint16_t>(part));
            left -= part;
            if (left == 0) {
                return;
            }
            buffer = next;
        }
    }

    void queue_message(int descriptor, std::uint16_t buffer, std::uint16_t size) {
        connection& peer = at(descriptor);
        size_[buffer] = size;
        next_[buffer] = none;
        if (peer.first == none) {
            peer.first = buffer;
            send(descriptor, buffers_->at(buffer), size);
        } else {
            next_[peer.last] = buffer;
        }
        peer.last = buffer;
    }

    // A connection that can't be sent to has failed, and its receive ends with that, too.
    void on_sent(int descriptor, int result) {
        connection& peer = at(descriptor);
        do {
            const std::uint16_t buffer = peer.first;
            peer.first = next_[buffer];
            buffers_->give_back(buffer);
        } while (result < 0 && peer.first != none);
        if (peer.first != none) {
            send(descriptor, buffers_->at(peer.first), size_[peer.first]);
        } else {
            close_if_drained(descriptor);
        }
    }

    void close_if_drained(int descriptor) {
        const connection& peer = at(descriptor);
        if (peer.ended && peer.first == none) {
            close(descriptor);
        }
    }

    // A receive that found no buffer starts again when some have come back.
    void revive_starved() {
        for (const int descriptor : starved_) {
            receive(descriptor);
        }
        starved_.clear();
    }

    // --- entries --------------------------------------------------------------------------------------------------

    void accept() {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.direct) {
            ::io_uring_prep_multishot_accept_direct(&entry, listener_, nullptr, nullptr, 0);
        } else if (with_.multishot) {
            ::io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        } else {
            ::io_uring_prep_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        }
        tag(entry, listener_, step::accepted);
    }

    void receive(int peer) {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.multishot) {
            ::io_uring_prep_recv_multishot(&entry, peer, nullptr, 0, 0);
            entry.ioprio |= with_.bundles ? bundle : 0U;
            entry.flags |= IOSQE_BUFFER_SELECT;
            entry.buf_group = ladder_buffers::group;
        } else {
            ::io_uring_prep_recv(&entry, peer, at(peer).own.get(), ladder_buffers::size, 0);
        }
        entry.flags |= fixed();
        tag(entry, peer, step::received);
    }

    void send(int peer, const std::byte* from, unsigned size) {
        io_uring_sqe& entry = ring_.prepare();
        ::io_uring_prep_send(&entry, peer, from, size, MSG_NOSIGNAL | MSG_WAITALL);
        entry.flags |= fixed();
        tag(entry, peer, step::sent);
    }

    void close(int peer) {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.direct) {
            ::io_uring_prep_close_direct(&entry, static_cast<unsigned>(peer));
        } else {
            ::io_uring_prep_close(&entry, peer);
        }
        tag(entry, peer, step::ignored);
    }

    [[nodiscard]] std::uint8_t fixed() const { return with_.direct ? IOSQE_FIXED_FILE : 0; }

    static void tag(io_uring_sqe& entry, int peer, step kind) {
        entry.user_data = (static_cast<std::uint64_t>(peer) << 8) | static_cast<std::uint64_t>(kind);
    }

    connection& at(int descriptor) { return connections_[static_cast<std::size_t>(descriptor)]; }

    int listener_;
    ladder_features with_;
    ladder_ring ring_;
    std::vector<connection> connections_;
    std::optional<ladder_buffers> buffers_;
    std::array<std::uint16_t, ladder_buffers::count> size_{};
    std::array<std::uint16_t, ladder_buffers::count> next_{};
    std::vector<int> starved_;
};

void end_on_sigterm() {
    struct sigaction action{};
    action.sa_handler = [](int) { ::_exit(0); };
    bench::check(::sigaction(SIGTERM, &action, nullptr), "sigaction");
}

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{count,
                                     values,
                                     {.usage = "ladder_echo --listen 127.0.0.1:PORT [--with FEATURE,...] [--sq-core N]",
                                      .options = {"--listen", "--with", "--sq-core"},
                                      .flags = {}}};
    ladder_features with;
    if (const auto wrong = with.read(arguments)) {
        arguments.misuse(*wrong);
    }
    const auto address = bench::parse_address(arguments.text("--listen"));
    if (!address) {
        arguments.misuse("'" + arguments.text("--listen") + "' is not an IPv4 address and port");
    }
    end_on_sigterm();
    bench::report_enters_on_signal();
    const int listener = bench::listen_on(*address);
    ladder_echo server{listener, with};
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    server.run();
}
