// What the kernel's interest list (epoll(7)) holds, and how it is kept true by few calls.
#pragma once

#include "backend/readiness/descriptor_table.hpp"
#include <penstock/backend_options.hpp>

#include <sys/epoll.h>

#include <cstdint>
#include <vector>

namespace penstock::detail {

/// The interest of one epoll descriptor. Per descriptor it keeps a few bits in descriptor_state::mechanism[0]: the
/// directions that somebody wants to hear of, and those that the kernel is to tell of. A direction is wanted from
/// want() to told(). The first registration is made at once, to hear of descriptors that cannot have one. After that:
///
/// - Edge: nothing, since both directions are told of and the adaptor remembers readiness until EAGAIN.
/// - Level: the two are made equal before each wait. By then most of it is no change any more, since who received
///   something asks again within the same turn. What nobody wants is not registered, not even for no events, since the
///   kernel tells of errors and hang-ups unasked, and again and again.
/// - One-shot: the kernel forgets both directions when it tells of one. The registration stays and is armed anew.
/// - Exclusive: level, for one who accepts, whatever the others are: edges would tell a loop that has stopped
///   accepting, and the connection would wait for that one alone. The kernel lets such a registration be added and
///   removed, but not modified.
class interest_list {
  public:
    /// `calls` counts what the kernel is told.
    interest_list(int epoll, epoll_trigger trigger, std::uint64_t& calls) noexcept
        : epoll_(epoll), trigger_(trigger), calls_(calls) {}

    /// Somebody waits for a direction. \return 0 or -errno.
    std::int32_t want(std::int32_t fd, descriptor_state& state, direction side, bool exclusively) noexcept;
    /// The kernel has told of these directions.
    void told(std::int32_t fd, descriptor_state& state, bool read, bool write) noexcept;
    /// The descriptor is about to be closed. Others may hold what is behind it (dup, fork), and then the registration
    /// would live on: told of for ever by level, at most once more by the others.
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

    /// Whose an event is, and which owner of that number is meant.
    static std::int32_t descriptor_of(const ::epoll_event& event) noexcept {
        return static_cast<std::int32_t>(event.data.u64 & 0xffff'ffff);
    }
    static std::uint32_t generation_of(const ::epoll_event& event) noexcept {
        return static_cast<std::uint32_t>(event.data.u64 >> 32);
    }

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
    epoll_trigger trigger(std::uint32_t bits) const noexcept {
        return (bits & exclusive) != 0 ? epoll_trigger::level : trigger_;
    }

    std::uint32_t events_for(std::uint32_t bits) const noexcept;
    void list(std::int32_t fd, descriptor_state& state);
    bool reconcile(std::int32_t fd, descriptor_state& state) noexcept;
    /// Adds or modifies the registration for what is wanted.
    std::int32_t arm(int how, std::int32_t fd, descriptor_state& state) noexcept;
    int control(int how, std::int32_t fd, ::epoll_event* event) const noexcept;

    int epoll_;
    epoll_trigger trigger_;
    std::uint64_t& calls_;
    std::vector<change> changes_;
};

}  // namespace penstock::detail
