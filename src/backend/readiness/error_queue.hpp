// What a socket's error queue says of sends without copying; Documentation/networking/msg_zerocopy.rst of Linux.
#pragma once

#include <cstdint>
#include <optional>

namespace penstock::detail {

/// Calls of a socket whose memory the kernel has let go of. The kernel numbers them, with 32 bits, which wrap; it tells
/// of neighbours together, and of all in any order.
struct returned_calls {
    std::uint32_t first;
    std::uint32_t last;
    bool copied;  ///< all the same

    std::uint32_t count() const noexcept { return last - first + 1; }
};

/// Takes the next ones out of the queue, never waiting; what else is there is dropped. recvmsg(2), MSG_ERRQUEUE.
/// \return nothing if the queue is empty. The error of the socket, if it has one, stays.
std::optional<returned_calls> next_returned_calls(int fd) noexcept;

}  // namespace penstock::detail
