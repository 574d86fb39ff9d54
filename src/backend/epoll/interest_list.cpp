#include "backend/epoll/interest_list.hpp"

#include <cerrno>

namespace penstock::detail {

std::int32_t interest_list::want(std::int32_t fd, descriptor_state& state, direction side, bool exclusively) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    const std::uint32_t wants = side == direction::read ? wants_read : wants_write;
    bits |= wants;
    if ((bits & registered) == 0) {
        if (exclusively) bits |= exclusive;
        const std::int32_t r = arm(EPOLL_CTL_ADD, fd, state);
        if (r < 0) bits = 0;
        return r;
    }
    if (trigger(bits) == epoll_trigger::edge) {
        // Modifying a registration makes the kernel look anew, which finds what a partial read has left.
        return state.asks_each_time ? arm(EPOLL_CTL_MOD, fd, state) : 0;
    }
    if ((armed(bits) & wants) == 0) list(fd, state);
    return 0;
}

void interest_list::told(std::int32_t fd, descriptor_state& state, bool read, bool write) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    if (trigger(bits) == epoll_trigger::edge) return;
    if (read) bits &= ~std::uint32_t{wants_read};
    if (write) bits &= ~std::uint32_t{wants_write};
    if (trigger(bits) == epoll_trigger::one_shot) bits &= ~std::uint32_t{armed_read | armed_write};
    if (wanted(bits) != armed(bits)) list(fd, state);
}

void interest_list::forget(std::int32_t fd, const descriptor_state& state) noexcept {
    const std::uint32_t bits = state.mechanism[0];
    if ((bits & registered) == 0) return;
    if (trigger(bits) == epoll_trigger::level || state.shared) control(EPOLL_CTL_DEL, fd, nullptr);
}

void interest_list::list(std::int32_t fd, descriptor_state& state) {
    if ((state.mechanism[0] & listed) != 0) return;
    state.mechanism[0] |= listed;
    changes_.push_back({fd, state.generation});
}

bool interest_list::reconcile(std::int32_t fd, descriptor_state& state) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    bits &= ~std::uint32_t{listed};
    if (wanted(bits) == armed(bits)) return true;
    if (wanted(bits) != 0) {
        if (arm(EPOLL_CTL_MOD, fd, state) == 0) return true;
        bits = 0;
        return false;
    }
    if (trigger(bits) == epoll_trigger::level) {
        control(EPOLL_CTL_DEL, fd, nullptr);
        bits = 0;
    }
    return true;
}

std::int32_t interest_list::arm(int how, std::int32_t fd, descriptor_state& state) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    const std::uint64_t whose = std::uint64_t{state.generation} << 32 | static_cast<std::uint32_t>(fd);
    ::epoll_event event{.events = events_for(bits), .data = {.u64 = whose}};
    if (control(how, fd, &event) != 0) return -errno;
    bits = (bits & ~std::uint32_t{armed_read | armed_write}) | registered | wanted(bits) << 2;
    return 0;
}

int interest_list::control(int how, std::int32_t fd, ::epoll_event* event) const noexcept {
    ++calls_;
    return ::epoll_ctl(epoll_, how, fd, event);
}

// Urgent data makes a read short although more is there, so edges must tell of it. Asking anew finds what lies behind
// it, and a peer that announces some and sends none would keep the loop busy.
std::uint32_t interest_list::events_for(std::uint32_t bits) const noexcept {
    if ((bits & exclusive) != 0) return EPOLLIN | EPOLLEXCLUSIVE;
    if (trigger_ == epoll_trigger::edge) return EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET;
    std::uint32_t events = 0;
    if (trigger_ == epoll_trigger::one_shot) events |= EPOLLONESHOT;
    if ((bits & wants_read) != 0) events |= EPOLLIN | EPOLLRDHUP;
    if ((bits & wants_write) != 0) events |= EPOLLOUT;
    return events;
}

}  // namespace penstock::detail
