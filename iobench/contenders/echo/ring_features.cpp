// The echo by a plain ring, one request at a time, and with one feature more each: what does each gain?
#include "contenders/echo/echo_servers.hpp"
#include "contenders/ring/feature_ring.hpp"
#include "support/sockets.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace iobench {

namespace {

constexpr unsigned most_connections = 320;  // besides the program's own descriptors; 5 MiB, below the usual
constexpr std::size_t buffer_size = 16384;  // limit of memory that may be locked
constexpr std::size_t page_size = 4096;
constexpr unsigned ring_entries = 1024;

/// A connection receives into a buffer of its own, sends that, and only then receives again.
class plain_echo {
  public:
    plain_echo(int listener, const ring_features& with)
        : listener_(listener),
          with_(with),
          ring_(ring_entries, with),
          memory_(allocate()),
          connections_(most_connections) {
        if (with_.files) {
            if (const int r = ::io_uring_register_files_sparse(ring_.native(), most_connections); r < 0) {
                bench::fail("io_uring_register_files", -r);
            }
        }
        if (with_.buffers || with_.zero_copy) {
            const ::iovec all{memory_, most_connections * buffer_size};
            if (const int r = ::io_uring_register_buffers(ring_.native(), &all, 1); r < 0) {
                bench::fail("io_uring_register_buffers (see ulimit -l)", -r);
            }
        }
    }

    [[noreturn]] void run() {
        accept();
        for (;;) {
            ring_.turn();
            ring_.reap([this](const io_uring_cqe& done) { dispatch(done); });
        }
    }

  private:
    enum class step : std::uint8_t { accepted, received, sent, closed };

    struct connection {
        std::size_t sent = 0;
        std::size_t size = 0;
    };

    static std::byte* allocate() {
        void* const memory = std::aligned_alloc(page_size, most_connections * buffer_size);
        if (memory == nullptr) bench::fail("memory for the buffers", ENOMEM);
        return static_cast<std::byte*>(memory);
    }

    std::byte* buffer(unsigned of) const { return memory_ + of * buffer_size; }

    io_uring_sqe& tagged(io_uring_sqe& entry, unsigned of, step kind) const {
        entry.user_data = (std::uint64_t{of} << 8) | static_cast<std::uint64_t>(kind);
        if (with_.files && kind != step::accepted) entry.flags |= IOSQE_FIXED_FILE;
        return entry;
    }

    void accept() {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.files) {
            ::io_uring_prep_multishot_accept_direct(&entry, listener_, nullptr, nullptr, 0);
        } else {
            ::io_uring_prep_multishot_accept(&entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        }
        tagged(entry, 0, step::accepted);
    }

    void receive(unsigned of) {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.buffers) {
            ::io_uring_prep_read_fixed(&entry, static_cast<int>(of), buffer(of), buffer_size, 0, 0);
        } else {
            ::io_uring_prep_recv(&entry, static_cast<int>(of), buffer(of), buffer_size, 0);
        }
        tagged(entry, of, step::received);
    }

    void send(unsigned of) {
        io_uring_sqe& entry = ring_.prepare();
        const connection& peer = connections_[of];
        std::byte* const from = buffer(of) + peer.sent;
        const std::size_t size = peer.size - peer.sent;
        const int fd = static_cast<int>(of);
        if (with_.zero_copy) {
            ::io_uring_prep_send_zc_fixed(&entry, fd, from, size, MSG_NOSIGNAL | MSG_WAITALL, 0, 0);
        } else if (with_.buffers) {
            ::io_uring_prep_write_fixed(&entry, fd, from, static_cast<unsigned>(size), 0, 0);
        } else {
            ::io_uring_prep_send(&entry, fd, from, size, MSG_NOSIGNAL | MSG_WAITALL);
        }
        tagged(entry, of, step::sent);
    }

    void close(unsigned of) {
        io_uring_sqe& entry = ring_.prepare();
        if (with_.files) {
            ::io_uring_prep_close_direct(&entry, of);
            entry.user_data = static_cast<std::uint64_t>(step::closed);
        } else {
            ::io_uring_prep_close(&entry, static_cast<int>(of));
            tagged(entry, of, step::closed);
        }
    }

    void dispatch(const io_uring_cqe& done) {
        const auto of = static_cast<unsigned>(done.user_data >> 8);
        switch (static_cast<step>(done.user_data & 0xff)) {
            case step::accepted: return on_accepted(done);
            case step::received: return on_received(of, done.res);
            case step::sent: return on_sent(of, done);
            case step::closed: return;
        }
    }

    void on_accepted(const io_uring_cqe& done) {
        if (done.res < 0 && done.res != -ECONNABORTED) bench::fail("accept", -done.res);
        if (done.res >= 0) {
            const auto of = static_cast<unsigned>(done.res);
            if (of >= most_connections) bench::fail("this server takes 300 connections", EMFILE);
            connections_[of] = {};
            receive(of);
        }
        if ((done.flags & IORING_CQE_F_MORE) == 0) accept();
    }

    void on_received(unsigned of, int result) {
        if (result <= 0) return close(of);
        connections_[of].sent = 0;
        connections_[of].size = static_cast<std::size_t>(result);
        send(of);
    }

    void on_sent(unsigned of, const io_uring_cqe& done) {
        connection& peer = connections_[of];
        if ((done.flags & IORING_CQE_F_NOTIF) == 0) {
            if (done.res < 0) return close(of);
            peer.sent += static_cast<std::size_t>(done.res);
        }
        if ((done.flags & IORING_CQE_F_MORE) != 0) return;  // the kernel still has the buffer
        peer.sent < peer.size ? send(of) : receive(of);
    }

    int listener_;
    ring_features with_;
    feature_ring ring_;
    std::byte* memory_;
    std::vector<connection> connections_;
};

}  // namespace

std::vector<echo_server> ring_feature_echo_servers() {
    std::vector<echo_server> all;
    for (const char* const name : {"bare/ring", "bare/ring+files", "bare/ring+buffers", "bare/ring+zero-copy",
                                   "bare/ring+sqpoll", "bare/ring+files+buffers+sqpoll"}) {
        const ring_features with = ring_features::named(name);
        all.push_back(
            {{name, group::bare, why_no_ring(with)}, [with](int listener) { plain_echo(listener, with).run(); }});
    }
    return all;
}

}  // namespace iobench
