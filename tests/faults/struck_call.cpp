#include "faults/struck_call.hpp"

#include "faults/edges.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>

namespace penstock::testing {

bool may_sleep(int fd) noexcept {
    const int before = errno;
    const int flags = ::fcntl(fd, F_GETFL);
    errno = before;
    return flags < 0 || (flags & O_NONBLOCK) == 0;
}

bool is_stream(int fd) noexcept {
    const int before = errno;
    int type = SOCK_STREAM;  // of what is no socket, too
    ::socklen_t size = sizeof type;
    ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    errno = before;
    return type == SOCK_STREAM;
}

bool never_waits(int fd) noexcept {
    if (is_stream(fd)) return false;
    const int before = errno;
    int domain = 0;
    ::socklen_t size = sizeof domain;
    ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    errno = before;
    return domain == AF_UNIX;
}

std::size_t whole_blocks(std::size_t size) noexcept { return size < block ? size : size / block * block; }

bool struck_call::refused(int fd, bool may_sleep) noexcept {
    if (interrupted_.strikes()) {
        errno = EINTR;
        return true;
    }
    if (may_sleep || !can_tell_again(fd) || !again_.strikes()) return false;
    tell_again(fd);
    errno = EAGAIN;
    return true;
}

std::size_t struck_call::less(int fd, std::size_t size, std::size_t least) noexcept {
    if (size <= least || !can_tell_again(fd) || !is_stream(fd) || !short_.strikes()) return size;
    return least + random_number() % (size - least);
}

unsigned struck_call::fewer(int fd, unsigned count) noexcept {
    if (count < 2 || !can_tell_again(fd) || !short_.strikes()) return count;
    return 1 + static_cast<unsigned>(random_number() % (count - 1));
}

}  // namespace penstock::testing
