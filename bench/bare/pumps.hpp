#pragma once

#include <netinet/in.h>

// A proxy that does nothing: one upstream connection per client connection, and bytes moved both ways without a look
// at them. What a reverse proxy costs beyond this is what it does with HTTP; nothing can cost less on its mechanism.
//
// Each takes a listening socket and the address of the upstream, and never returns.
namespace bench {

[[noreturn]] void pump_with_io_uring(int listener, const sockaddr_in& upstream);
[[noreturn]] void pump_with_epoll(int listener, const sockaddr_in& upstream);

}  // namespace bench
