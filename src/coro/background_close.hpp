// Closing what was dropped, while the loop goes on.
#pragma once

#include <penstock/handle.hpp>
#include <penstock/loop.hpp>

namespace penstock::detail {

/// Closes the handle, on which no operation may be under way. The loop's end waits for it.
void close_in_background(loop& home, handle h);

}  // namespace penstock::detail
