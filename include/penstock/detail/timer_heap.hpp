// The loop's timers: an intrusive pairing heap. Any number of timers, no allocation; setting one is O(1), cancelling
// one amortised O(log n). (M. Fredman et al., "The pairing heap", Algorithmica 1, 1986.)
#pragma once

#include <penstock/time.hpp>

#include <cstddef>

namespace penstock::detail {

/// A timer, where its user keeps it. While it is set its address must not change.
struct timer_node {
    time_point deadline = never;
    void (*fire)(timer_node&) noexcept = nullptr;  ///< the timer is no longer set when it is called
    timer_node* child = nullptr;
    timer_node* sibling = nullptr;
    timer_node* back = nullptr;  ///< the left sibling, or the parent of a first child
    bool set = false;
};

class timer_heap {
  public:
    bool empty() const noexcept { return root_ == nullptr; }
    std::size_t size() const noexcept { return size_; }
    /// The earliest deadline, or `never`.
    time_point next() const noexcept { return root_ == nullptr ? never : root_->deadline; }

    void set(timer_node& node, time_point deadline) noexcept {
        node.deadline = deadline;
        node.child = node.sibling = node.back = nullptr;
        node.set = true;
        root_ = meld(root_, &node);
        ++size_;
    }

    /// Harmless if the timer is not set.
    void cancel(timer_node& node) noexcept {
        if (!node.set) return;
        node.set = false;
        --size_;
        if (&node == root_) {
            root_ = merge_pairs(node.child);
        } else {
            cut(node);
            root_ = meld(root_, merge_pairs(node.child));
        }
        if (root_ != nullptr) root_->back = nullptr;
    }

    /// Takes out the earliest timer if it is due at `now`, else returns null.
    timer_node* pop_due(time_point now) noexcept {
        if (root_ == nullptr || root_->deadline > now) return nullptr;
        timer_node* const earliest = root_;
        cancel(*earliest);
        return earliest;
    }

  private:
    static timer_node* meld(timer_node* a, timer_node* b) noexcept {
        if (a == nullptr) return b;
        if (b == nullptr) return a;
        if (b->deadline < a->deadline) {
            timer_node* const t = a;
            a = b;
            b = t;
        }
        b->sibling = a->child;
        if (a->child != nullptr) a->child->back = b;
        b->back = a;
        a->child = b;
        return a;
    }

    // Two passes without recursion: pairs from the left are stacked, then melded from the right.
    static timer_node* merge_pairs(timer_node* first) noexcept {
        timer_node* stack = nullptr;
        while (first != nullptr) {
            timer_node* const second = first->sibling;
            timer_node* const rest = second == nullptr ? nullptr : second->sibling;
            first->sibling = first->back = nullptr;
            if (second != nullptr) second->sibling = second->back = nullptr;
            timer_node* const pair = meld(first, second);
            pair->sibling = stack;
            stack = pair;
            first = rest;
        }
        timer_node* merged = nullptr;
        while (stack != nullptr) {
            timer_node* const pair = stack;
            stack = pair->sibling;
            pair->sibling = nullptr;
            merged = meld(merged, pair);
        }
        return merged;
    }

    static void cut(timer_node& node) noexcept {
        if (node.back->child == &node) {
            node.back->child = node.sibling;
        } else {
            node.back->sibling = node.sibling;
        }
        if (node.sibling != nullptr) node.sibling->back = node.back;
        node.sibling = node.back = nullptr;
    }

    timer_node* root_ = nullptr;
    std::size_t size_ = 0;
};

}  // namespace penstock::detail
