// The numbers of what is open on the simulated machine.
#pragma once

#include "backend/simulated/resource.hpp"
#include <penstock/handle.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

namespace penstock::detail {

class handle_table {
  public:
    explicit handle_table(std::uint32_t most) noexcept : most_(most) {}

    bool full() const noexcept { return open_ >= most_; }
    std::uint32_t open() const noexcept { return open_; }

    /// As the kernel does, the lowest number that is free, so that one is soon used again. The table must not be full.
    handle add(std::shared_ptr<resource> what) {
        ++open_;
        if (free_.empty()) {
            entries_.push_back(std::move(what));
            return {first + static_cast<std::int32_t>(entries_.size() - 1)};
        }
        std::ranges::pop_heap(free_, std::greater<>());
        const std::int32_t at = free_.back();
        free_.pop_back();
        entries_[static_cast<std::size_t>(at)] = std::move(what);
        return {first + at};
    }

    /// Null if there is no such handle.
    const std::shared_ptr<resource>& find(handle h) const noexcept {
        static const std::shared_ptr<resource> none;
        const auto at = static_cast<std::size_t>(h.id - first);
        return h.id < first || at >= entries_.size() ? none : entries_[at];
    }

    std::shared_ptr<resource> remove(handle h) {
        const std::int32_t at = h.id - first;
        std::shared_ptr<resource> gone = std::move(entries_[static_cast<std::size_t>(at)]);
        entries_[static_cast<std::size_t>(at)].reset();
        free_.push_back(at);
        std::ranges::push_heap(free_, std::greater<>());
        --open_;
        return gone;
    }

    const std::vector<std::shared_ptr<resource>>& all() const noexcept { return entries_; }

  private:
    // Far above any descriptor of the process: one taken for the other is EBADF and not somebody else's file.
    static constexpr std::int32_t first = 1 << 20;

    std::vector<std::shared_ptr<resource>> entries_;
    std::vector<std::int32_t> free_;  // a heap, the lowest first
    std::uint32_t most_;
    std::uint32_t open_ = 0;
};

}  // namespace penstock::detail
