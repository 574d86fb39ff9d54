#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <liburing.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

namespace bench {

namespace {

// Newer than the liburing of Debian 12.
constexpr unsigned feature_no_iowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT, Linux 6.15
constexpr unsigned enter_no_iowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT

// Submits and waits in one system call. liburing's own calls can't pass the flag that keeps an idle loop from
// being accounted as waiting for a disk.
class submission_ring {
  public:
    submission_ring() {
        set_up();
        if ((ring_.features & feature_no_iowait) != 0) {
            enter_flags_ |= enter_no_iowait;
        }
        if (::io_uring_register_ring_fd(&ring_) == 1) {
            enter_flags_ |= IORING_ENTER_REGISTERED_RING;
        }
    }

    [[nodiscard]] io_uring& native() { return ring_; }

    [[nodiscard]] io_uring_sqe& prepare() {
        io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
        while (entry == nullptr) {
            enter(0);
            entry = ::io_uring_get_sqe(&ring_);
        }
        return *entry;
    }

    void enter(unsigned completions) {
        const int result = ::io_uring_enter(static_cast<unsigned>(ring_.enter_ring_fd), publish(), completions,
                                            enter_flags_ | IORING_ENTER_GETEVENTS, nullptr);
        if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY) {
            fail("io_uring_enter", -result);
        }
    }

  private:
    static constexpr unsigned submissions = 512;

    // An older kernel answers EINVAL to a flag it does not know; the least necessary goes first.
    void set_up() {
        static constexpr std::array<unsigned, 4> dispensable{0, IORING_SETUP_DEFER_TASKRUN, IORING_SETUP_SINGLE_ISSUER,
                                                             IORING_SETUP_SUBMIT_ALL};
        unsigned flags =
            IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
        int result = -EINVAL;
        for (const unsigned dropped : dispensable) {
            flags &= ~dropped;
            io_uring_params parameters{};
            parameters.flags = flags;
            parameters.cq_entries = 8 * submissions;
            result = ::io_uring_queue_init_params(submissions, &ring_, &parameters);
            if (result != -EINVAL) {
                break;
            }
        }
        if (result < 0) {
            fail("io_uring_setup", -result);
        }
    }

    // What liburing does before it enters the kernel itself: shows it the entries, and counts those it has
    // not taken.
    unsigned publish() {
        io_uring_sq& queue = ring_.sq;
        queue.sqe_head = queue.sqe_tail;
        std::atomic_ref{*queue.ktail}.store(queue.sqe_tail, std::memory_order_release);
        return queue.sqe_tail - std::atomic_ref{*queue.khead}.load(std::memory_order_acquire);
    }

    io_uring ring_{};
    unsigned enter_flags_ = 0;
};

// Buffers that the kernel picks from as messages arrive, so a connection that waits owns none.
class provided_buffers {
  public:
    static constexpr unsigned count = 1024;
    static constexpr unsigned short group = 0;

    explicit provided_buffers(io_uring& ring) {
        storage_ = static_cast<std::byte*>(map(std::size_t{count} * max_message));
        entries_ = static_cast<io_uring_buf_ring*>(map(count * sizeof(io_uring_buf)));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries_);
        registration.ring_entries = count;
        registration.bgid = group;
        if (const int result = ::io_uring_register_buf_ring(&ring, &registration, 0); result < 0) {
            fail("io_uring_register_buf_ring", -result);
        }
        for (unsigned index = 0; index < count; ++index) {
            give_back(static_cast<std::uint16_t>(index));
        }
        publish();
    }

    [[nodiscard]] std::byte* at(std::uint16_t index) const { return storage_ + std::size_t{index} * max_message; }

    void give_back(std::uint16_t index) {
        ::io_uring_buf_ring_add(entries_, at(index), max_message, index, ::io_uring_buf_ring_mask(count), returned_++);
    }

    // Shows the kernel what was given back; true when there was something.
    bool publish() {
        if (returned_ == 0) {
            return false;
        }
        ::io_uring_buf_ring_advance(entries_, returned_);
        returned_ = 0;
        return true;
    }

  private:
    static void* map(std::size_t size) {
        void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            fail("mmap", errno);
        }
        return memory;
    }

    std::byte* storage_;
    io_uring_buf_ring* entries_;
    int returned_ = 0;
};

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
    provided_buffers buffers_{ring_.native()};
    std::array<std::uint16_t, provided_buffers::count> size_{};
    std::array<std::uint16_t, provided_buffers::count> next_{};
    std::vector<int> starved_;
};

}  // namespace

void echo_with_io_uring(int listener) { io_uring_echo{listener}.run(); }

}  // namespace bench
