// A bounded queue from many threads to one (D. Vyukov's array queue): no lock, no allocation, and "full" is an answer.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <memory>
#include <utility>

namespace penstock::detail {

template <class T>
class bounded_queue {
  public:
    /// \param capacity rounded up to a power of two
    explicit bounded_queue(std::size_t capacity)
        : mask_(std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1),
          cells_(std::make_unique<cell[]>(mask_ + 1)) {
        for (std::size_t i = 0; i <= mask_; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
    }

    /// Any thread. \return false, and `value` untouched, if the queue is full.
    bool push(T& value) {
        std::size_t position = tail_.load(std::memory_order_relaxed);
        for (;;) {
            cell& c = cells_[position & mask_];
            const auto lag = static_cast<std::ptrdiff_t>(c.turn.load(std::memory_order_acquire) - position);
            if (lag < 0) return false;
            if (lag > 0) {
                position = tail_.load(std::memory_order_relaxed);
            } else if (tail_.compare_exchange_weak(position, position + 1, std::memory_order_relaxed)) {
                c.value = std::move(value);
                c.turn.store(position + 1, std::memory_order_release);
                return true;
            }
        }
    }

    /// The one consumer. \return whether there was something.
    bool pop(T& value) {
        cell& c = cells_[head_ & mask_];
        if (c.turn.load(std::memory_order_acquire) != head_ + 1) return false;
        value = std::move(c.value);
        c.value = T{};
        c.turn.store(head_ + mask_ + 1, std::memory_order_release);
        ++head_;
        return true;
    }

  private:
    struct cell {
        std::atomic<std::size_t> turn{0};  // whose turn it is: position to write, position + 1 to read
        T value{};
    };
    const std::size_t mask_;
    std::unique_ptr<cell[]> cells_;
    alignas(64) std::atomic<std::size_t> tail_{0};
    alignas(64) std::size_t head_ = 0;
};

}  // namespace penstock::detail
