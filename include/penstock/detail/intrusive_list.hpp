// Intrusive containers: the links live in the elements, so queues of operations never allocate.
#pragma once

#include <cstddef>

namespace penstock::detail {

/// A link of a circular doubly-linked list. Alone, it points at itself, so unlink() is always safe and needs no list.
class list_hook {
  public:
    list_hook() noexcept = default;
    /// An element may be moved while it is in no list, and then the new one is in none either: an awaiter that was not
    /// started can be handed on (with_timeout).
    list_hook(list_hook&&) noexcept {}
    list_hook(const list_hook&) = delete;
    list_hook& operator=(const list_hook&) = delete;

    bool linked() const noexcept { return next_ != this; }

    void unlink() noexcept {
        prev_->next_ = next_;
        next_->prev_ = prev_;
        next_ = prev_ = this;
    }

  private:
    template <class T>
    friend class list;

    void link_before(list_hook& position) noexcept {
        prev_ = position.prev_;
        next_ = &position;
        position.prev_->next_ = this;
        position.prev_ = this;
    }

    list_hook* next_ = this;
    list_hook* prev_ = this;
};

/// A FIFO of elements that derive from list_hook. Elements must be unlinked before they die; so must the list be empty.
template <class T>
class list {
  public:
    bool empty() const noexcept { return !head_.linked(); }

    void push_back(T& element) noexcept { static_cast<list_hook&>(element).link_before(head_); }

    T* front() noexcept { return empty() ? nullptr : static_cast<T*>(head_.next_); }

    T* back() noexcept { return empty() ? nullptr : static_cast<T*>(head_.prev_); }

    T* pop_front() noexcept {
        T* first = front();
        if (first != nullptr) static_cast<list_hook&>(*first).unlink();
        return first;
    }

    /// The element after `element`, or null at the end. Fetch it before unlinking `element`.
    T* next(T& element) noexcept {
        list_hook* following = static_cast<list_hook&>(element).next_;
        return following == &head_ ? nullptr : static_cast<T*>(following);
    }

    /// Moves every element of `other` to the end of this list, in order, in constant time.
    void take_all(list& other) noexcept {
        if (other.empty()) return;
        list_hook* first = other.head_.next_;
        list_hook* last = other.head_.prev_;
        other.head_.next_ = other.head_.prev_ = &other.head_;
        first->prev_ = head_.prev_;
        head_.prev_->next_ = first;
        last->next_ = &head_;
        head_.prev_ = last;
    }

  private:
    list_hook head_;
};

/// A singly-linked FIFO of elements with a `T* next` member; used where elements are only pushed and popped.
template <class T>
class queue {
  public:
    bool empty() const noexcept { return head_ == nullptr; }

    void push(T& element) noexcept {
        element.next = nullptr;
        if (head_ == nullptr) {
            head_ = &element;
        } else {
            tail_->next = &element;
        }
        tail_ = &element;
    }

    T* front() const noexcept { return head_; }

    T* pop() noexcept {
        T* first = head_;
        if (first != nullptr) head_ = static_cast<T*>(first->next);
        return first;
    }

    /// Moves every element of `other` to the end of this queue, in constant time.
    void append(queue other) noexcept {
        if (other.head_ == nullptr) return;
        if (head_ == nullptr) {
            head_ = other.head_;
        } else {
            tail_->next = other.head_;
        }
        tail_ = other.tail_;
    }

    queue take() noexcept {
        queue all = *this;
        head_ = tail_ = nullptr;
        return all;
    }

  private:
    T* head_ = nullptr;
    T* tail_ = nullptr;
};

}  // namespace penstock::detail
