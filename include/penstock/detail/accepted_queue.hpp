// Connections that were accepted and wait to be taken.
#pragma once

#include <penstock/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace penstock::detail {

/// Accepted handles in order of arrival. A backend stops delivering at `limit`; what was on its way by then still
/// fits (the queue grows by at most one completion queue).
class accepted_queue {
  public:
    explicit accepted_queue(std::uint32_t limit) : limit_(limit) { items_.reserve(limit); }
    bool empty() const noexcept { return head_ == items_.size(); }
    std::size_t size() const noexcept { return items_.size() - head_; }
    bool full() const noexcept { return size() >= limit_; }
    void push(handle h) {
        if (empty() || head_ >= limit_) drop_popped();  // or it grows for ever when never empty
        items_.push_back(h);
    }
    handle pop() noexcept { return items_[head_++]; }
    handle newest() const noexcept { return items_.back(); }
    void rename_newest(handle h) noexcept { items_.back() = h; }

  private:
    void drop_popped() noexcept {
        items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
        head_ = 0;
    }
    std::vector<handle> items_;
    std::size_t head_ = 0;
    std::uint32_t limit_;
};

}  // namespace penstock::detail
