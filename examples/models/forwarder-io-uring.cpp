// forwarder-io-uring ADDR TO: forwards each connection to ADDR, one at a time, to TO, with io_uring.
//
// As in forwarder-io-submit.cpp a turn is one system call: io_uring_enter hands over [send what came, receive more] and
// waits for both. What differs is that io_uring never blocks in the submission: what can't be done at once goes on
// while the thread sleeps, and in no particular order (only entries that are linked wait for each other).
#include "two_sockets.hpp"

#include <liburing.h>

using two_sockets::ending;

namespace {

class queue {
  public:
    queue() {
        // Completions are worked off when this thread asks for them, not whenever it is interrupted; Linux 6.1.
        constexpr unsigned flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        int made = ::io_uring_queue_init(entries, &ring_, flags);
        if (made == -EINVAL) made = ::io_uring_queue_init(entries, &ring_, 0);
        errno = -made;
        if (made < 0) two_sockets::fail_with_errno("io_uring_setup");
        ::io_uring_register_ring_fd(&ring_);  // spares the kernel a look-up per call; does no harm where it is unknown
    }
    ~queue() { ::io_uring_queue_exit(&ring_); }
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    // MSG_WAITALL: a send that is cut short goes on, rather than to report how far it came.
    void send(int to, const std::byte* bytes, std::size_t size, int& result) {
        io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
        ::io_uring_prep_send(entry, to, bytes, size, MSG_NOSIGNAL | MSG_WAITALL);
        ::io_uring_sqe_set_data(entry, &result);
    }

    void receive(int from, std::byte* bytes, std::size_t size, int& result) {
        io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
        ::io_uring_prep_recv(entry, from, bytes, size, 0);
        ::io_uring_sqe_set_data(entry, &result);
    }

    // Submits what was prepared and returns when `count` operations have ended, in one system call.
    void run(unsigned count) {
        while (count > 0) {
            const int entered = ::io_uring_submit_and_wait(&ring_, count);
            errno = -entered;
            if (entered < 0 && entered != -EINTR) two_sockets::fail_with_errno("io_uring_enter");
            io_uring_cqe* completion = nullptr;
            while (count > 0 && ::io_uring_peek_cqe(&ring_, &completion) == 0) {
                *static_cast<int*>(::io_uring_cqe_get_data(completion)) = completion->res;
                ::io_uring_cqe_seen(&ring_, completion);
                --count;
            }
        }
    }

  private:
    static constexpr unsigned entries = 2;
    io_uring ring_{};
};

ending forward(int from, int to) {
    // Two buffers, by turns, since both operations are under way at once.
    std::array<two_sockets::buffer, 2> buffers;
    queue operations;
    std::size_t size = 0;  // of what came last
    for (unsigned turn = 0;; ++turn) {
        int sent = 0;
        int received = 0;
        if (size > 0) operations.send(to, buffers[turn % 2].data(), size, sent);
        two_sockets::buffer& empty = buffers[(turn + 1) % 2];
        operations.receive(from, empty.data(), empty.size(), received);
        // Both have ended after this. To leave earlier, with the receive under way, would be a use after free: neither
        // closing the socket nor the ring ends it at once. It must be cancelled, and its completion awaited.
        operations.run(size > 0 ? 2 : 1);
        if (sent < 0) return ending::broken;
        if (received <= 0) return received == 0 ? ending::in_order : ending::broken;
        size = static_cast<std::size_t>(received);
    }
}

}  // namespace

int main(int count, char** values) { return two_sockets::run(count, values, forward); }
