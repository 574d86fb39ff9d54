// Receives that fill several buffers with one completion: whether this kernel does it right.
#pragma once

#include "backend/io_uring/buffer_ring.hpp"
#include "backend/io_uring/ring.hpp"

#include <string>

namespace penstock::detail {

/// Receives such bundles from a socket of its own and looks at the bytes: some kernels (6.13, 6.14) have filled the
/// buffers in another order than they said, and where the bytes of one connection are is no place for belief. For a
/// ring that has nothing else under way. \return empty if all is well, or what is wrong in one line.
std::string try_bundles(ring& r, buffer_ring& provided, buffer_pool& pool);

}  // namespace penstock::detail
