#pragma once

#include "../support/sockets.hpp"

#include <liburing.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

// The two parts of io_uring that every bare loop on it needs.
namespace bench {

// Newer than the liburing of Debian 12.
inline constexpr unsigned feature_no_iowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT, Linux 6.15
inline constexpr unsigned enter_no_iowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT

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
        const long result = ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, publish(), completions,
                                      enter_flags_ | IORING_ENTER_GETEVENTS, nullptr, 0UL);
        if (result < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) {
            fail("io_uring_enter", errno);
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
    static constexpr unsigned short group = 0;

    // `count` is a power of two.
    provided_buffers(io_uring& ring, unsigned count, unsigned size) : count_{count}, size_{size} {
        storage_ = static_cast<std::byte*>(map(std::size_t{count} * size));
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

    [[nodiscard]] std::byte* at(std::uint16_t index) const { return storage_ + std::size_t{index} * size_; }

    void give_back(std::uint16_t index) {
        ::io_uring_buf_ring_add(entries_, at(index), size_, index, ::io_uring_buf_ring_mask(count_), returned_++);
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

    unsigned count_;
    unsigned size_;
    std::byte* storage_;
    io_uring_buf_ring* entries_;
    int returned_ = 0;
};

}  // namespace bench
