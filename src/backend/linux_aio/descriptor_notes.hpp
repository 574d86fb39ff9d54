// What this mechanism notes of a descriptor, in the two words that descriptor_state keeps for it.
#pragma once

#include "backend/readiness/descriptor_table.hpp"

#include <cstdint>

namespace penstock::detail {

/// A view; the words are cleared with the rest of the state when the descriptor is closed.
class descriptor_notes {
  public:
    enum flag : std::uint32_t {
        examined = 1U << 24,    ///< known to be something that can wait, not a file
        ours = 1U << 25,        ///< made by this backend: in non-blocking mode, and nobody else has it
        by_epoll = 1U << 26,    ///< native AIO cannot poll it: watched by the nested epoll
        registered = 1U << 27,  ///< the nested epoll knows it
        calls_only = 1U << 28,  ///< takes no reads or writes through native AIO (terminals, inotify)
        comes_back = 1U << 29,  ///< was read again after a read: the next poll may be armed ahead
    };

    explicit descriptor_notes(descriptor_state& state) noexcept : state_(state) {}

    bool has(flag f) const noexcept { return (flags() & f) != 0; }
    void set(flag f) noexcept { flags() |= f; }

    /// The number of the poll slot of one direction; 0: none.
    std::uint32_t slot(direction side) const noexcept { return state_.request(side) & slot_mask; }
    void set_slot(direction side, std::uint32_t number) noexcept {
        state_.request(side) = (state_.request(side) & ~slot_mask) | number;
    }

  private:
    static constexpr std::uint32_t slot_mask = examined - 1;
    std::uint32_t& flags() const noexcept { return state_.request(direction::read); }
    descriptor_state& state_;
};

}  // namespace penstock::detail
