// Child processes, so that nothing above src/op needs the kernel's headers. None of these calls waits.
#pragma once

#include <cstdint>

namespace penstock::detail {

/// A descriptor that becomes readable when the process has ended. \return it, or a negative error; -ECHILD also for a
/// process that there is not.
std::int32_t open_child(std::int32_t process) noexcept;

struct raw_child {
    bool by_signal;
    std::int32_t status;
};

/// Takes the status of a child that has ended. \return 0, or a negative error; -EAGAIN if it has not.
std::int32_t take_child(std::int32_t descriptor, raw_child& found) noexcept;

}  // namespace penstock::detail
