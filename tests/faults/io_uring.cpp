// io_uring_enter, and what is in the submission queue when it is called.
#include "faults/raw_calls.hpp"
#include "faults/struck_call.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <mutex>

namespace penstock::testing {
namespace {

constinit fault_point part_submitted("io_uring_enter takes less", fault::short_transfers);
constinit fault_point short_entry("sqe of less", fault::short_transfers);
constinit fault_point interrupted("io_uring_enter", fault::interrupted);
constinit fault_point refused("io_uring_enter", fault::again);
constinit fault_point no_buffer_ring("io_uring_register_buf_ring", fault::no_buffers);

/// The rings there are. The number that io_uring_enter is given is one of its thread's own table.
class known_rings {
  public:
    void add(::io_uring* ring) noexcept {
        const std::lock_guard lock(mutex_);
        for (entry& e : entries_) {
            if (e.ring != nullptr) continue;
            e = {.ring = ring, .thread = ::pthread_self()};
            return;
        }
    }
    void remove(const ::io_uring* ring) noexcept {
        const std::lock_guard lock(mutex_);
        for (entry& e : entries_) {
            if (e.ring == ring) e = {};
        }
    }
    ::io_uring* find(int number) noexcept {
        const std::lock_guard lock(mutex_);
        for (const entry& e : entries_) {
            const bool mine = e.ring != nullptr && ::pthread_equal(e.thread, ::pthread_self()) != 0;
            if (mine && e.ring->enter_ring_fd == number) return e.ring;
        }
        return nullptr;
    }

  private:
    struct entry {
        ::io_uring* ring = nullptr;
        ::pthread_t thread{};
    };
    std::mutex mutex_;
    std::array<entry, 256> entries_{};
};
constinit known_rings rings;

std::uint32_t less(std::uint32_t size, std::uint32_t least) noexcept {
    if (size <= least || !short_entry.strikes()) return size;
    return least + static_cast<std::uint32_t>(random_number() % (size - least));
}

bool has_offset(const ::io_uring_sqe& sqe) noexcept { return sqe.off != static_cast<__u64>(-1); }

void shorten(::io_uring_sqe& sqe) noexcept {
    // What the kernel itself makes short ends a chain, which asking for less would not.
    if ((sqe.flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)) != 0) return;
    switch (sqe.opcode) {
        case IORING_OP_SEND:
            if (is_stream(sqe.fd)) sqe.len = less(sqe.len, least_piece);
            return;
        case IORING_OP_SENDMSG: {
            auto* const message = reinterpret_cast<::msghdr*>(sqe.addr);  // the backend's own, not the caller's
            if (is_stream(sqe.fd)) message->msg_iovlen = less(static_cast<std::uint32_t>(message->msg_iovlen), 1);
            return;
        }
        case IORING_OP_READV:
        case IORING_OP_WRITEV: sqe.len = less(sqe.len, 1); return;
        case IORING_OP_READ:
        case IORING_OP_WRITE:
            if ((sqe.flags & IOSQE_BUFFER_SELECT) != 0) {
                if (sqe.len == 0 && short_entry.strikes()) sqe.len = least_piece;  // 0: the whole buffer
            } else if (has_offset(sqe)) {
                sqe.len = static_cast<std::uint32_t>(whole_blocks(less(sqe.len, block)));
            } else {
                sqe.len = less(sqe.len, least_piece);
            }
            return;
        default: return;
    }
}

/// The next `count` entries, which the kernel has not looked at yet.
void shorten_entries(int number, unsigned count) noexcept {
    if (wanted_fault() != fault::short_transfers) return;
    const ::io_uring* const ring = rings.find(number);
    if (ring == nullptr) return;
    const unsigned head = *ring->sq.khead;
    for (unsigned i = 0; i < count; ++i) shorten(ring->sq.sqes[(head + i) & (ring->sq.ring_entries - 1)]);
}

}  // namespace

long faulty_io_uring_enter(int ring, unsigned count, unsigned least, unsigned flags, const void* argument,
                           unsigned long size) noexcept {
    if (count != 0 && refused.strikes()) {  // it has no memory for a request, or completions are kept aside
        errno = random_number() % 2 == 0 ? EAGAIN : EBUSY;
        return -1;
    }
    if (least != 0 && interrupted.strikes()) {  // in its wait, which a submission that was made does not tell
        if (count == 0) {
            errno = EINTR;
            return -1;
        }
        least = 0;
    }
    if (count > 1 && part_submitted.strikes()) {  // and then it does not wait
        count = 1 + static_cast<unsigned>(random_number() % (count - 1));
        least = 0;
    }
    shorten_entries(ring, count);
    return ::syscall(SYS_io_uring_enter, ring, count, least, flags, argument, size);
}

}  // namespace penstock::testing

using namespace penstock::testing;

extern "C" {

int penstock_faults_io_uring_queue_init_params(unsigned entries, ::io_uring* ring, ::io_uring_params* params) {
    const int r = ::io_uring_queue_init_params(entries, ring, params);
    if (r == 0) rings.add(ring);
    return r;
}

void penstock_faults_io_uring_queue_exit(::io_uring* ring) {
    rings.remove(ring);
    ::io_uring_queue_exit(ring);
}

int penstock_faults_io_uring_register_buf_ring(::io_uring* ring, ::io_uring_buf_reg* request, unsigned flags) {
    return no_buffer_ring.strikes() ? -ENOMEM : ::io_uring_register_buf_ring(ring, request, flags);
}

}  // extern "C"
