#include "faults/edges.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <mutex>

namespace penstock::testing {
namespace {

struct registration {
    int epoll = -1;
    ::epoll_event event{};
};

constexpr std::size_t most_descriptors = 1 << 15;
std::mutex mutex;
// The latest ones of each descriptor: of a loop's own mechanism, and of what tells of error queues. Not allocated,
// since cases count that.
using registrations_of_one = std::array<registration, 2>;
constinit std::array<registrations_of_one, most_descriptors> registrations{};

bool is_kept(int fd) noexcept { return fd >= 0 && static_cast<std::size_t>(fd) < most_descriptors; }
registrations_of_one& of(int fd) noexcept { return registrations[static_cast<std::size_t>(fd)]; }

/// The one with this epoll descriptor, or a free place for it, or that of the oldest, which is in front.
registration& of(int fd, int epoll) noexcept {
    registrations_of_one& all = of(fd);
    auto place = std::ranges::find(all, epoll, &registration::epoll);
    if (place == all.end()) place = std::ranges::find(all, -1, &registration::epoll);
    if (place == all.end()) place = all.begin();
    std::rotate(place, place + 1, all.end());
    return all.back();
}

bool tells_changes_only(const registration& r) noexcept { return r.epoll >= 0 && (r.event.events & EPOLLET) != 0; }

/// Sends what the kernel would to who is told of changes of `fd` by a queued signal (F_SETSIG), or that there was no
/// space for it in the queue.
void signal_again(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    const int number = flags >= 0 && (flags & O_ASYNC) != 0 ? ::fcntl(fd, F_GETSIG) : 0;
    ::f_owner_ex owner{};
    ::pollfd entry{.fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP, .revents = 0};
    if (number <= 0 || ::fcntl(fd, F_GETOWN_EX, &owner) != 0 || ::poll(&entry, 1, 0) != 1) return;
    ::siginfo_t what{};
    what.si_signo = number;
    what.si_code = POLL_IN;
    what.si_fd = fd;
    what.si_band = entry.revents;
    if (::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), owner.pid, number, &what) != 0) {
        ::syscall(SYS_tgkill, ::getpid(), owner.pid, SIGIO);
    }
}

}  // namespace

void note_registration(int epoll, int operation, int fd, const ::epoll_event* event) noexcept {
    if (!is_kept(fd)) return;
    const std::lock_guard lock(mutex);
    of(fd, epoll) = operation == EPOLL_CTL_DEL ? registration{} : registration{.epoll = epoll, .event = *event};
}

bool can_tell_again(int fd) noexcept {
    if (!is_kept(fd)) return false;
    const std::lock_guard lock(mutex);
    return std::ranges::none_of(of(fd), [](const registration& r) {
        return tells_changes_only(r) && (r.event.events & EPOLLEXCLUSIVE) != 0;  // which cannot be modified
    });
}

void tell_again(int fd) noexcept {
    const int before = errno;
    signal_again(fd);
    const std::lock_guard lock(mutex);
    // Modifying a registration makes the kernel look anew. It fails if this number was closed since, which is as well.
    if (is_kept(fd)) {
        for (registration& r : of(fd)) {
            if (tells_changes_only(r)) ::epoll_ctl(r.epoll, EPOLL_CTL_MOD, fd, &r.event);
        }
    }
    errno = before;
}

}  // namespace penstock::testing
