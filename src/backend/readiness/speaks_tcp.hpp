// Of a socket that was made elsewhere: what it is.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

namespace penstock::detail {

inline bool speaks_tcp(int fd) noexcept {
    int protocol = 0;
    ::socklen_t size = sizeof protocol;
    return ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 && protocol == IPPROTO_TCP;
}

}  // namespace penstock::detail
