// An opaque name for something open: a socket, a file, a pipe.
#pragma once

#include <cstdint>

namespace penstock {

/// What a backend calls an open thing. The number is the backend's business (the kernel's backends use the file
/// descriptor, a simulated one its own table), so programs pass handles on but never interpret them. A handle does
/// not own: `net::stream`, `fs::file` and the other owners close what they name.
struct handle {
    std::int32_t id = -1;

    constexpr bool valid() const noexcept { return id >= 0; }
    friend constexpr bool operator==(handle, handle) noexcept = default;
};

}  // namespace penstock
