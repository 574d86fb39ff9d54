// What the three forms of the two-socket forwarder share: the command line, one pair of sockets after another, a thread
// for each direction, and how a pair ends. What they differ in is `forward`: how bytes get from one socket to the
// other.
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

namespace two_sockets {

/// Large enough that a system call costs little per byte, small enough to stay in the processor's cache.
inline constexpr std::size_t buffer_size = std::size_t{64} * 1024;
using buffer = std::array<std::byte, buffer_size>;

enum class ending : bool { in_order, broken };

/// Moves bytes until `from` ends (in order) or one of the two sockets fails (broken). Both sockets block.
using forward_function = ending (*)(int from, int to);

[[noreturn]] inline void fail(const std::string& what, int status = 1) {
    std::fprintf(stderr, "%s: %s\n", program_invocation_short_name, what.c_str());
    std::exit(status);
}

[[noreturn]] inline void fail_with_errno(const std::string& what, int status = 1) {
    fail(what + ": " + std::strerror(errno), status);
}

/// "127.0.0.1:7000"
inline sockaddr_in parse_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::uint16_t port = 0;
    bool valid =
        colon != std::string::npos && ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) == 1;
    if (valid) {
        const auto [end, error] = std::from_chars(text.data() + colon + 1, text.data() + text.size(), port);
        valid = error == std::errc{} && end == text.data() + text.size();
    }
    if (!valid) fail("'" + text + "' is not an IPv4 address and port, such as 127.0.0.1:7000", 2);
    address.sin_port = htons(port);
    return address;
}

inline void set(int socket, int level, int option, int value) {
    if (::setsockopt(socket, level, option, &value, sizeof value) != 0) fail_with_errno("setsockopt");
}

inline int listen_at(const std::string& where) {
    const sockaddr_in address = parse_address(where);
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set(socket, SOL_SOCKET, SO_REUSEADDR, 1);
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);  // what is accepted inherits it
    sockaddr_in bound{};
    socklen_t size = sizeof bound;
    if (::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket, 128) != 0 || ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        fail_with_errno(where, 2);
    }
    std::array<char, INET_ADDRSTRLEN> text{};
    ::inet_ntop(AF_INET, &bound.sin_addr, text.data(), text.size());
    std::printf("listening on %s:%d\n", text.data(), ntohs(bound.sin_port));
    std::fflush(stdout);
    return socket;
}

/// -1 if nobody is there.
inline int connect_to(const sockaddr_in& address) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return socket;
    std::fprintf(stderr, "%s: connect: %s\n", program_invocation_short_name, std::strerror(errno));
    ::close(socket);
    return -1;
}

/// Forwards one direction and passes its end on.
inline ending forward_and_end(forward_function forward, int from, int to) {
    const ending how = forward(from, to);
    // An end in order is passed on as one: the other direction goes on, for an answer is often yet to come. After a
    // failure the other thread is to leave, too, which may be blocked in a read of `to`: this makes that read return.
    // It must not tell the peer of an end (SHUT_WR would), since the peer is to see a reset.
    ::shutdown(to, how == ending::in_order ? SHUT_WR : SHUT_RD);
    return how;
}

/// Serves one pair to its end.
inline void serve(forward_function forward, int client, int server) {
    ending back = ending::in_order;
    std::thread other([&] { back = forward_and_end(forward, server, client); });
    const ending there = forward_and_end(forward, client, server);
    other.join();
    if (there == ending::broken || back == ending::broken) {
        // Closing with a time of zero sends a reset, so that a transfer that was cut short does not look complete.
        const linger reset{.l_onoff = 1, .l_linger = 0};
        for (const int socket : {client, server}) ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    }
    ::close(client);
    ::close(server);
}

/// The whole of a form's main().
inline int run(int count, char** values, forward_function forward) {
    const std::string usage = std::string(program_invocation_short_name) + " ADDR TO";
    if (count == 2 && std::string_view(values[1]) == "--help") {
        std::printf("usage: %s\nForwards each connection to ADDR, one at a time, to TO.\n", usage.c_str());
        return 0;
    }
    if (count != 3) fail("two addresses are needed; usage: " + usage, 2);
    const sockaddr_in target = parse_address(values[2]);
    const int listener = listen_at(values[1]);
    // Writing to a socket whose peer is gone raises SIGPIPE: write(2) does, and so does a write through io_submit.
    ::signal(SIGPIPE, SIG_IGN);
    for (;;) {
        const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            fail_with_errno("accept");
        }
        const int server = connect_to(target);
        if (server >= 0) {
            serve(forward, client, server);
        } else {
            ::close(client);
        }
    }
}

}  // namespace two_sockets
