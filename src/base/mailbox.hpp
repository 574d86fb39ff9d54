// A queue into a loop from any thread: lock-free, and never full because its links live in the elements.
#pragma once

#include <atomic>

namespace penstock::detail {

/// Elements are `T` with a `T* next`. Many producers, one consumer.
template <class T>
class mailbox {
  public:
    /// \return whether the mailbox was empty, so that the caller must wake the consumer.
    bool push(T& element) noexcept {
        T* head = head_.load(std::memory_order_relaxed);
        do {
            element.next = head;
        } while (!head_.compare_exchange_weak(head, &element, std::memory_order_release, std::memory_order_relaxed));
        return head == nullptr;
    }

    bool empty() const noexcept { return head_.load(std::memory_order_relaxed) == nullptr; }

    /// Takes everything, oldest first, as a null-terminated chain.
    T* take_all() noexcept {
        T* newest_first = head_.exchange(nullptr, std::memory_order_acquire);
        T* oldest_first = nullptr;
        while (newest_first != nullptr) {
            T* const following = static_cast<T*>(newest_first->next);
            newest_first->next = oldest_first;
            oldest_first = newest_first;
            newest_first = following;
        }
        return oldest_first;
    }

  private:
    std::atomic<T*> head_{nullptr};
};

}  // namespace penstock::detail
