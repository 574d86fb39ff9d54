// What an event carries: whose it is, and which owner of that descriptor number is meant.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

namespace penstock::detail {

inline std::uint64_t event_key(std::int32_t fd, std::uint32_t generation) noexcept {
    return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}
inline std::int32_t descriptor_of(const ::epoll_event& event) noexcept {
    return static_cast<std::int32_t>(event.data.u64 & 0xffff'ffff);
}
inline std::uint32_t generation_of(const ::epoll_event& event) noexcept {
    return static_cast<std::uint32_t>(event.data.u64 >> 32);
}

}  // namespace penstock::detail
