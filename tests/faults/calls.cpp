// The calls that open, connect and accept, and those that wait.
#include "faults/edges.hpp"
#include "faults/struck_call.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <ctime>
#include <utility>

using namespace penstock::testing;

namespace {

constinit struck_call at_accept4("accept4");
constinit struck_call at_openat("openat");
constinit struck_call at_fsync("fsync");
constinit struck_call at_fallocate("fallocate");
constinit struck_call at_ftruncate("ftruncate");
constinit fault_point connect_interrupted("connect", fault::interrupted);
constinit fault_point epoll_interrupted("epoll_wait", fault::interrupted);
constinit fault_point poll_interrupted("poll", fault::interrupted);
constinit fault_point select_interrupted("select", fault::interrupted);
constinit fault_point sigtimedwait_interrupted("sigtimedwait", fault::interrupted);

thread_local constinit int seen_pending = -1;  // a listener whose next connection was seen by poll

/// For calls that wait: a signal came first.
bool interrupted(fault_point& at, bool waits) noexcept {
    if (!waits || !at.strikes()) return false;
    errno = EINTR;
    return true;
}

bool is_zero(const ::timespec* limit) noexcept { return limit != nullptr && limit->tv_sec == 0 && limit->tv_nsec == 0; }

}  // namespace

extern "C" {

int penstock_faults_accept4(int fd, ::sockaddr* address, ::socklen_t* size, int flags) {
    // After poll has said that there is one, there is.
    if (at_accept4.refused(fd, may_sleep(fd) || std::exchange(seen_pending, -1) == fd)) return -1;
    return ::accept4(fd, address, size, flags);
}

// Once begun, connecting goes on although the call was interrupted; one that does not sleep is not interrupted.
int penstock_faults_connect(int fd, const ::sockaddr* address, ::socklen_t size) {
    if (address->sa_family == AF_UNIX || !may_sleep(fd) || !connect_interrupted.strikes()) {
        return ::connect(fd, address, size);
    }
    const int flags = ::fcntl(fd, F_GETFL);
    ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const int r = ::connect(fd, address, size);
    const int error = errno;
    ::fcntl(fd, F_SETFL, flags);
    errno = r < 0 && (error == EINPROGRESS || error == EALREADY) ? EINTR : error;
    return r;
}

int penstock_faults_openat(int directory, const char* path, int flags, ...) {
    ::mode_t mode = 0;
    if ((flags & O_CREAT) != 0) {
        std::va_list more;
        va_start(more, flags);
        mode = va_arg(more, ::mode_t);
        va_end(more);
    }
    if (at_openat.refused(-1, true)) return -1;
    return ::openat(directory, path, flags, mode);
}

int penstock_faults_fsync(int fd) { return at_fsync.refused(fd, true) ? -1 : ::fsync(fd); }

int penstock_faults_fdatasync(int fd) { return at_fsync.refused(fd, true) ? -1 : ::fdatasync(fd); }

int penstock_faults_fallocate(int fd, int mode, ::off_t offset, ::off_t length) {
    return at_fallocate.refused(fd, true) ? -1 : ::fallocate(fd, mode, offset, length);
}

int penstock_faults_ftruncate(int fd, ::off_t size) {
    return at_ftruncate.refused(fd, true) ? -1 : ::ftruncate(fd, size);
}

int penstock_faults_epoll_ctl(int epoll, int operation, int fd, ::epoll_event* event) {
    const int r = ::epoll_ctl(epoll, operation, fd, event);
    if (r == 0) note_registration(epoll, operation, fd, event);
    return r;
}

int penstock_faults_epoll_wait(int epoll, ::epoll_event* events, int most, int limit) {
    if (interrupted(epoll_interrupted, limit != 0)) return -1;
    return ::epoll_wait(epoll, events, most, limit);
}

int penstock_faults_epoll_pwait2(int epoll, ::epoll_event* events, int most, const ::timespec* limit,
                                 const ::sigset_t* mask) {
    if (interrupted(epoll_interrupted, !is_zero(limit))) return -1;
    return ::epoll_pwait2(epoll, events, most, limit, mask);
}

// These look for a signal also when they need not wait.
int penstock_faults_poll(::pollfd* entries, ::nfds_t count, int limit) {
    if (interrupted(poll_interrupted, true)) return -1;
    const int ready = ::poll(entries, count, limit);
    seen_pending = ready == 1 && count == 1 && limit == 0 ? entries->fd : -1;
    return ready;
}

int penstock_faults_ppoll(::pollfd* entries, ::nfds_t count, const ::timespec* limit, const ::sigset_t* mask) {
    if (interrupted(poll_interrupted, true)) return -1;
    return ::ppoll(entries, count, limit, mask);
}

int penstock_faults_select(int most, ::fd_set* reads, ::fd_set* writes, ::fd_set* urgent, ::timeval* limit) {
    if (interrupted(select_interrupted, true)) return -1;
    return ::select(most, reads, writes, urgent, limit);
}

int penstock_faults_pselect(int most, ::fd_set* reads, ::fd_set* writes, ::fd_set* urgent, const ::timespec* limit,
                            const ::sigset_t* mask) {
    if (interrupted(select_interrupted, true)) return -1;
    return ::pselect(most, reads, writes, urgent, limit, mask);
}

int penstock_faults_sigtimedwait(const ::sigset_t* set, ::siginfo_t* info, const ::timespec* limit) {
    if (interrupted(sigtimedwait_interrupted, !is_zero(limit))) return -1;
    return ::sigtimedwait(set, info, limit);
}

}  // extern "C"
