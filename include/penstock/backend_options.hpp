// The bounds of a backend. Each has a name, a default, and a figure in loop::statistics().
#pragma once

#include <penstock/operation.hpp>

#include <cstdint>
#include <vector>

namespace penstock {

struct backend_options {
    /// Submissions that fit in a mechanism's own queue between two turns. When it is full it is flushed; when the
    /// kernel takes no more, operations wait in the loop and are offered again each turn.
    std::uint32_t queue_entries = 256;
    /// Completions that fit before the kernel must keep them aside. More is correct, only slower.
    std::uint32_t completion_entries = 4096;
    /// `threads`: at most this many operations blocked at once.
    std::uint32_t max_threads = 512;
    /// `linux_aio`: slots asked of the kernel (out of the system-wide fs.aio-max-nr). One is held by each waiting
    /// socket; sockets beyond them are watched through one epoll descriptor.
    std::uint32_t aio_slots = 16384;
    /// Operations to do without, as if the kernel had refused them; for tests and for diagnosing.
    std::vector<op_kind> denied = {};
};

}  // namespace penstock
