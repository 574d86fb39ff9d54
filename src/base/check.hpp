// Assertions on our own bugs. Always on: a broken invariant must stop the process, not corrupt a user's data.
#pragma once

namespace penstock::detail {

/// Prints `penstock: FILE:LINE: MESSAGE` to standard error and aborts.
[[noreturn]] void die(const char* file, int line, const char* message) noexcept;

}  // namespace penstock::detail

#define PENSTOCK_CHECK(condition, message)                        \
    do {                                                          \
        if (!(condition)) [[unlikely]]                            \
            ::penstock::detail::die(__FILE__, __LINE__, message); \
    } while (false)
