// What system calls answer, as the result of an operation.
#pragma once

#include <cerrno>
#include <cstdint>

namespace penstock::detail {

/// The outcome of a system call that answers -1 and errno.
inline std::int32_t outcome(long returned) noexcept {
    return returned >= 0 ? static_cast<std::int32_t>(returned) : -errno;
}

}  // namespace penstock::detail
