#pragma once

#include <span>
#include <string_view>

// One echo server per I/O model, each written straight on the kernel's interface: the yardstick that a
// penstock backend is measured against. They share no loop on purpose; what differs between them is what a
// reader wants to compare.
//
// Each takes a listening socket and never returns: the bare servers own nothing that outlives the process, so
// SIGTERM simply ends them.
namespace bench {

/// Received at once; a longer message is echoed in pieces.
inline constexpr int max_message = 16384;

[[noreturn]] void echo_with_io_uring(int listener);
[[noreturn]] void echo_with_epoll(int listener);
[[noreturn]] void echo_with_epoll_level(int listener);
[[noreturn]] void echo_with_epoll_one_shot(int listener);
[[noreturn]] void echo_with_linux_aio(int listener);
[[noreturn]] void echo_with_poll(int listener);
[[noreturn]] void echo_with_select(int listener);
[[noreturn]] void echo_with_threads(int listener);
[[noreturn]] void echo_with_sigio(int listener);

struct bare_echo_server {
    std::string_view name;
    void (*serve)(int listener);
};

// All of them, by the names that penstock gives to the mechanisms.
std::span<const bare_echo_server> bare_echo_servers();

}  // namespace bench
