#include "op/child.hpp"

#include "op/outcome.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace penstock::detail {

std::int32_t open_child(std::int32_t process) noexcept {
    const std::int32_t r = outcome(::syscall(SYS_pidfd_open, process, 0));  // the header of glibc 2.36 is not for C++
    return r == -ESRCH ? -ECHILD : r;
}

std::int32_t take_child(std::int32_t descriptor, raw_child& found) noexcept {
    ::siginfo_t info{};
    const std::int32_t r = outcome(::waitid(P_PIDFD, static_cast<::id_t>(descriptor), &info, WEXITED | WNOHANG));
    if (r < 0) return r;
    if (info.si_pid == 0) return -EAGAIN;
    found = {.by_signal = info.si_code != CLD_EXITED, .status = info.si_status};
    return 0;
}

}  // namespace penstock::detail
