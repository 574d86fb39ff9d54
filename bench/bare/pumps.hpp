#pragma once

#include <netinet/in.h>

// A proxy that does nothing: one upstream connection per client connection, and bytes moved both ways without a look
// at them. What a reverse proxy costs beyond this is what it does with HTTP; nothing can cost less on its mechanism.
//
// Each takes a listening socket and the address of the upstream, and never returns.
namespace bench {

[[noreturn]] void pump_with_io_uring(int listener, const sockaddr_in& upstream);
// Sends without a copy into the kernel, where that works (IORING_OP_SEND_ZC, Linux 6.0; on the loopback it copies
// late).
[[noreturn]] void pump_with_io_uring_zero_copy(int listener, const sockaddr_in& upstream);
[[noreturn]] void pump_with_epoll(int listener, const sockaddr_in& upstream);
[[noreturn]] void pump_with_splice(int listener, const sockaddr_in& upstream);
// With pipes of 512 KiB, as TinyGate's are, instead of the kernel's 64 KiB.
[[noreturn]] void pump_with_large_pipes(int listener, const sockaddr_in& upstream);

}  // namespace bench
