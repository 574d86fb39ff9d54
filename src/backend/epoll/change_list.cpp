#include "backend/epoll/change_list.hpp"

#include "backend/epoll/event_key.hpp"

#include <cerrno>

namespace penstock::detail {

std::int32_t change_list::want(std::int32_t fd, descriptor_state& state, direction side, bool exclusively) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    const std::uint32_t wants = side == direction::read ? wants_read : wants_write;
    bits |= wants;
    if ((bits & registered) == 0) {
        if (exclusively) bits |= exclusive;
        const std::int32_t r = arm(EPOLL_CTL_ADD, fd, state);
        if (r < 0) bits = 0;
        return r;
    }
    if ((armed(bits) & wants) == 0) list(fd, state);
    return 0;
}

void change_list::told(std::int32_t fd, descriptor_state& state, bool read, bool write) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    if (read) bits &= ~std::uint32_t{wants_read};
    if (write) bits &= ~std::uint32_t{wants_write};
    if (is_one_shot(bits)) bits &= ~std::uint32_t{armed_read | armed_write};
    if (wanted(bits) != armed(bits)) list(fd, state);
}

void change_list::forget(std::int32_t fd, const descriptor_state& state) noexcept {
    if ((state.mechanism[0] & registered) == 0) return;
    if (is_one_shot(state.mechanism[0]) && !state.shared) return;
    control(EPOLL_CTL_DEL, fd, nullptr);
}

void change_list::list(std::int32_t fd, descriptor_state& state) {
    if ((state.mechanism[0] & listed) != 0) return;
    state.mechanism[0] |= listed;
    changes_.push_back({fd, state.generation});
}

bool change_list::reconcile(std::int32_t fd, descriptor_state& state) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    bits &= ~std::uint32_t{listed};
    if (wanted(bits) == armed(bits)) return true;
    if (wanted(bits) == 0) {
        if (!is_one_shot(bits)) {
            control(EPOLL_CTL_DEL, fd, nullptr);
            bits = 0;
        }
        return true;
    }
    if (arm(EPOLL_CTL_MOD, fd, state) == 0) return true;
    bits = 0;
    return false;
}

std::int32_t change_list::arm(int how, std::int32_t fd, descriptor_state& state) noexcept {
    std::uint32_t& bits = state.mechanism[0];
    ::epoll_event event{.events = events_for(bits), .data = {.u64 = event_key(fd, state.generation)}};
    if (control(how, fd, &event) != 0) return -errno;
    bits = (bits & ~std::uint32_t{armed_read | armed_write}) | registered | wanted(bits) << 2;
    return 0;
}

int change_list::control(int how, std::int32_t fd, ::epoll_event* event) const noexcept {
    ++calls_;
    return ::epoll_ctl(epoll_, how, fd, event);
}

// Without EPOLLPRI: asking anew finds what lies behind urgent data, and a peer that announces some and sends none would
// keep the loop busy.
std::uint32_t change_list::events_for(std::uint32_t bits) const noexcept {
    if ((bits & exclusive) != 0) return EPOLLIN | EPOLLEXCLUSIVE;
    std::uint32_t events = 0;
    if (one_shot_) events |= EPOLLONESHOT;
    if ((bits & wants_read) != 0) events |= EPOLLIN | EPOLLRDHUP;
    if ((bits & wants_write) != 0) events |= EPOLLOUT;
    return events;
}

}  // namespace penstock::detail
