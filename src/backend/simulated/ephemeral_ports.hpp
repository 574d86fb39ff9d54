// The ports that a socket gets which asks for none, as Linux has them by default (net.ipv4.ip_local_port_range).
#pragma once

#include <cstdint>

namespace penstock::detail {

inline constexpr std::uint16_t first_ephemeral = 32768;
inline constexpr std::uint16_t last_ephemeral = 60999;

}  // namespace penstock::detail
