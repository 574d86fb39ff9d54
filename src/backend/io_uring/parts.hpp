// Receives that fill a buffer one after the other: whether this kernel does it right.
#pragma once

#include "backend/io_uring/buffer_ring.hpp"
#include "backend/io_uring/ring.hpp"

#include <string>

namespace penstock::detail {

/// Receives from two sockets at once and looks at the bytes. No completion says where in its buffer a receive begins:
/// that is where the one before it has ended, so the kernel must tell of them in the order in which it has filled; some
/// (before 6.15) did not, where one receive had ended and another went on. For a ring that has nothing else under way.
/// \return empty if all is well, or what is wrong in one line.
std::string try_parts(ring& r, buffer_ring& provided, buffer_pool& pool);

/// The same on a ring of its own that is set up as `options` say, before there is one whose buffers are filled so.
std::string try_parts(const uring_options& options);

}  // namespace penstock::detail
