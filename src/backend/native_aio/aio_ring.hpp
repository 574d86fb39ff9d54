// One native AIO instance: the five system calls, made raw since the C library wraps none, and its completion ring.
#pragma once

#include "base/setup.hpp"

#include <linux/aio_abi.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <ctime>
#include <expected>
#include <utility>

namespace penstock::detail {

/// Only one thread may use it, and nobody else may reap: the ring's head has one owner.
class aio_ring {
  public:
    /// Asks for `slots`, and for half of it, and so on, when the system has too few left.
    static std::expected<aio_ring, setup_error> create(std::uint32_t slots);

    aio_ring(aio_ring&& other) noexcept
        : id_(std::exchange(other.id_, 0)), ring_(other.ring_), slots_(other.slots_), calls_(other.calls_) {}
    aio_ring& operator=(aio_ring&&) = delete;
    /// Cancels what is under way and waits for it: after this the kernel touches no control block and no buffer.
    ~aio_ring();

    std::uint32_t slots() const noexcept { return slots_; }
    std::uint64_t calls() const noexcept { return calls_; }
    bool reads_in_user_space() const noexcept { return ring_ != nullptr; }
    /// Asks the kernel for completions from now on, as on a kernel whose ring has another layout.
    void stop_reading_in_user_space() noexcept { ring_ = nullptr; }

    /// \return how many were taken, from the first on; or -errno, which concerns the first and none was taken.
    std::int32_t submit(::iocb** blocks, std::uint32_t count) noexcept;

    /// Asks for the end of a poll; its completion still comes, with result 0 or what it found.
    void cancel(::iocb& poll) noexcept;

    /// Whether reap() would deliver something; false where only a system call could tell.
    bool anything_to_reap() const noexcept {
        return ring_ != nullptr && std::atomic_ref(ring_->tail).load(std::memory_order_relaxed) != ring_->head;
    }

    /// Delivers the completions that are there. No system call if the ring can be read.
    template <class Deliver>
    std::uint32_t reap(Deliver deliver) noexcept {
        if (ring_ == nullptr) return reap_by_call(0, &at_once, deliver);
        // Acquire: the events were written before the tail. The snapshot bounds a turn.
        const unsigned tail = std::atomic_ref(ring_->tail).load(std::memory_order_acquire);
        unsigned head = ring_->head;
        std::uint32_t delivered = 0;
        for (; head != tail; ++delivered) {
            deliver(events()[head]);
            head = head + 1 == ring_->capacity ? 0 : head + 1;
        }
        // Release: the kernel may overwrite the events once it sees the head, so they have been read by then.
        if (delivered != 0) std::atomic_ref(ring_->head).store(head, std::memory_order_release);
        return delivered;
    }

    /// Sleeps until there is a completion, `limit` (null: none) has passed or a signal came, and delivers what came.
    template <class Deliver>
    std::uint32_t wait(const ::timespec* limit, Deliver deliver) noexcept {
        return reap_by_call(1, limit, deliver);
    }

  private:
    static constexpr ::timespec at_once{};
    static constexpr std::size_t events_per_call = 64;

    // The kernel's layout (fs/aio.c). It is mapped at the address that io_setup calls the instance's id.
    struct header {
        unsigned id;
        unsigned capacity;
        unsigned head;
        unsigned tail;
        unsigned magic;
        unsigned compatible_features;
        unsigned incompatible_features;
        unsigned header_size;
    };

    aio_ring(::aio_context_t id, std::uint32_t slots) noexcept;
    static header* usable_ring(::aio_context_t id) noexcept;

    const ::io_event* events() const noexcept { return reinterpret_cast<const ::io_event*>(ring_ + 1); }

    std::uint32_t get_events(long least, std::array<::io_event, events_per_call>& into,
                             const ::timespec* limit) noexcept;

    template <class Deliver>
    std::uint32_t reap_by_call(long least, const ::timespec* limit, Deliver& deliver) noexcept {
        std::array<::io_event, events_per_call> came;
        const std::uint32_t count = get_events(least, came, limit);
        for (std::uint32_t i = 0; i < count; ++i) deliver(came[i]);
        return count;
    }

    ::aio_context_t id_;
    header* ring_;
    std::uint32_t slots_;
    std::uint64_t calls_ = 0;
};

}  // namespace penstock::detail
