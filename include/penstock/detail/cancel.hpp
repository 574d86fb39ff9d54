// Cancellation inside a loop: an intrusive list, no atomics, no allocation.
#pragma once

#include <penstock/detail/intrusive_list.hpp>

namespace penstock::detail {

/// Something that wants to know when its surroundings are cancelled. Unlinks itself when it dies or moves on.
struct cancel_node : list_hook {
    void (*fire)(cancel_node&) noexcept = nullptr;  ///< already unlinked when called; must not resume anything itself
};

/// Whether a part of the program should end. Each task runs under one of these, inherited from whoever awaits it;
/// scopes and deadlines put their own in between.
class cancel_state {
  public:
    cancel_state() noexcept = default;
    cancel_state(const cancel_state&) = delete;
    cancel_state& operator=(const cancel_state&) = delete;
    ~cancel_state() { link_.unlink(); }

    bool requested() const noexcept { return requested_; }

    void add(cancel_node& node) noexcept { nodes_.push_back(node); }

    /// Tells everything below, once. New nodes must ask requested() first.
    void request() noexcept {
        requested_ = true;
        while (cancel_node* const node = nodes_.pop_front()) node->fire(*node);
    }

    /// From now on a request to `parent` is one to this.
    void inherit(cancel_state* parent) noexcept {
        if (parent == nullptr) return;
        if (parent->requested()) {
            requested_ = true;
            return;
        }
        link_.self = this;
        link_.fire = [](cancel_node& node) noexcept { static_cast<parent_link&>(node).self->request(); };
        parent->add(link_);
    }

  private:
    struct parent_link : cancel_node {
        cancel_state* self = nullptr;
    };
    bool requested_ = false;
    list<cancel_node> nodes_;
    parent_link link_;
};

}  // namespace penstock::detail
