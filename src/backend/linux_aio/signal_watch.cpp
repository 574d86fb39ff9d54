#include "backend/linux_aio/signal_watch.hpp"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>

namespace penstock::detail {

bool signal_watch::is_signal_descriptor(std::int32_t fd) {
    struct ::stat status{};
    if (::fstat(fd, &status) != 0 || (status.st_mode & S_IFMT) != 0) return false;  // these have no type
    std::array<char, 64> target{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    const ::ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
    return length > 0 && std::string_view(target.data(), static_cast<std::size_t>(length)) == "anon_inode:[signalfd]";
}

std::uint64_t signal_watch::any_signal() noexcept { return ~(std::uint64_t{1} << (SIGPIPE - 1)); }

// The kernel's own form of a signal set, which is that of signals_op::mask.
std::uint64_t signal_watch::pending_signals() noexcept {
    std::uint64_t set = 0;
    return ::syscall(SYS_rt_sigpending, &set, sizeof set) == 0 ? set : 0;
}

}  // namespace penstock::detail
