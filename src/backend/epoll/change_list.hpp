// For registrations that change: what is wanted of the kernel is noted, and told to it before the next wait. By then
// most of it is no change any more, since who received something asks again within the same turn.
#pragma once

#include "backend/readiness/descriptor_table.hpp"

#include <sys/epoll.h>

#include <cstdint>
#include <vector>

namespace penstock::detail {

/// Level-triggered, one-shot and exclusive interest in descriptors of one epoll descriptor. Per descriptor it keeps a
/// few bits in descriptor_state::mechanism[0]: the directions that somebody wants to hear of, and those that the kernel
/// is to tell of. A direction is wanted from want() to told().
///
/// - Level: the two are made equal before each wait. What nobody wants is not registered, not even for no events, since
///   the kernel tells of errors and hang-ups unasked, and again and again.
/// - One-shot: the kernel forgets both directions when it tells of one. The registration stays and is armed anew.
/// - Exclusive: level, for one who accepts. The kernel lets such a registration be added and removed, but not modified.
class change_list {
  public:
    /// `calls` counts what the kernel is told.
    change_list(int epoll, bool one_shot, std::uint64_t& calls) noexcept
        : epoll_(epoll), one_shot_(one_shot), calls_(calls) {}

    /// Somebody waits for a direction. The first registration is made at once, to hear of descriptors that cannot have
    /// one. \return 0 or -errno.
    std::int32_t want(std::int32_t fd, descriptor_state& state, direction side, bool exclusively) noexcept;
    /// The kernel has told of these directions.
    void told(std::int32_t fd, descriptor_state& state, bool read, bool write) noexcept;
    /// The descriptor is about to be closed. Others may hold what is behind it (dup, fork), and then the registration
    /// would live on: told of for ever by level, at most once more by one-shot.
    void forget(std::int32_t fd, const descriptor_state& state) noexcept;
    /// Tells the kernel what has changed. Calls `lost(fd, generation)` where it knows nothing of the descriptor any
    /// more.
    template <class Lost>
    void apply(descriptor_table& descriptors, Lost lost) noexcept {
        for (std::size_t i = 0; i < changes_.size(); ++i) {  // by index: `lost` may add some
            const change next = changes_[i];
            descriptor_state& state = descriptors[next.fd];
            if (state.generation == next.generation && !reconcile(next.fd, state)) lost(next.fd, next.generation);
        }
        changes_.clear();
    }

    /// Whether the descriptor's interest is in this list's care.
    static bool is_exclusive(const descriptor_state& state) noexcept { return (state.mechanism[0] & exclusive) != 0; }

  private:
    enum : std::uint32_t {
        wants_read = 1,
        wants_write = 2,
        armed_read = wants_read << 2,
        armed_write = wants_write << 2,
        registered = 16,
        listed = 32,
        exclusive = 64,
    };
    struct change {
        std::int32_t fd;
        std::uint32_t generation;
    };

    static std::uint32_t wanted(std::uint32_t bits) noexcept { return bits & (wants_read | wants_write); }
    static std::uint32_t armed(std::uint32_t bits) noexcept { return bits >> 2 & (wants_read | wants_write); }

    bool is_one_shot(std::uint32_t bits) const noexcept { return one_shot_ && (bits & exclusive) == 0; }
    std::uint32_t events_for(std::uint32_t bits) const noexcept;
    void list(std::int32_t fd, descriptor_state& state);
    bool reconcile(std::int32_t fd, descriptor_state& state) noexcept;
    /// Adds or modifies the registration for what is wanted.
    std::int32_t arm(int how, std::int32_t fd, descriptor_state& state) noexcept;

    int control(int how, std::int32_t fd, ::epoll_event* event) const noexcept;

    int epoll_;
    bool one_shot_;
    std::uint64_t& calls_;
    std::vector<change> changes_;
};

}  // namespace penstock::detail
