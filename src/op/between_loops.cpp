// Messages between loops.
#include "base/message_box.hpp"
#include "op/call.hpp"

#include <cerrno>

namespace penstock::detail {

std::int32_t loop_message_op::call(call_mode) noexcept {
    if (box == nullptr) return -EBADF;
    const std::int32_t r = box->put(what);
    if (r == 0) box->wake();
    return r;
}

}  // namespace penstock::detail
