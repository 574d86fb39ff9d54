#include "backend/readiness/poll_array.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {

poll_array::poll_array(descriptor_table& descriptors, std::initializer_list<int> own)
    : descriptors_(descriptors), own_(own.size()) {
    for (const int fd : own) entries_.push_back({.fd = fd, .events = POLLIN, .revents = 0});
}

void poll_array::ask(std::int32_t fd, descriptor_state& state, short events) {
    if (place(state) == 0) {
        place(state) = static_cast<std::uint32_t>(entries_.size());
        entries_.push_back({.fd = fd, .events = 0, .revents = 0});
    }
    entries_[place(state)].events |= events;
}

void poll_array::forget(descriptor_state& state) noexcept {
    const std::uint32_t at = std::exchange(place(state), 0);
    if (at == 0) return;
    if (at + 1 != entries_.size()) {
        entries_[at] = entries_.back();
        place(descriptors_[entries_[at].fd]) = at;
    }
    entries_.pop_back();
}

void poll_array::forget_unwanted() noexcept {
    for (const std::int32_t fd : told_) {
        descriptor_state& state = descriptors_[fd];
        if (place(state) != 0 && entries_[place(state)].events == 0) forget(state);  // nobody has asked again
    }
    told_.clear();
}

void poll_array::take_out(::pollfd& entry, const readiness& told) {
    if (told.readable || told.hang_up) entry.events &= static_cast<short>(~(read_events | POLLPRI));
    if (told.writable || told.hang_up) entry.events &= static_cast<short>(~write_events);
    if (entry.events == 0) told_.push_back(entry.fd);
}

int poll_array::wait(const wait_time& limit) noexcept {
    forget_unwanted();
    const int told = call(limit);
    if (told < 0) return told;
    others_told_ = told;
    for (std::size_t which = 0; which < own_; ++which) others_told_ -= own_told(which) ? 1 : 0;
    return told;
}

int poll_array::call(const wait_time& limit) noexcept {
    const int told = ::ppoll(entries_.data(), entries_.size(), limit.relative(), nullptr);
    return told < 0 && errno == EINVAL ? call_in_parts(limit) : told;
}

// The kernel takes at most as many as the process may open, and that limit was lowered below what is open.
int poll_array::call_in_parts(const wait_time& limit) noexcept {
    ::rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    const auto most = std::max<std::size_t>(descriptors.rlim_cur, 1);
    constexpr ::timespec at_once{};
    int all = 0;
    for (std::size_t at = 0; at < entries_.size(); at += most) {
        const int told = ::ppoll(&entries_[at], std::min(most, entries_.size() - at), &at_once, nullptr);
        if (told < 0) return told;
        all += told;
    }
    if (all != 0 || limit.only_polls()) return all;
    constexpr ::timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};  // or it would spin
    return ::ppoll(entries_.data(), 1, &pause, nullptr);
}

}  // namespace penstock::detail
