#include "sockets.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {

namespace {

int tcp_socket() {
    const int descriptor = check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    check(::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
    return descriptor;
}

const sockaddr* as_sockaddr(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

}  // namespace

void fail(std::string_view what, int error) {
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(what.size()), what.data(), std::strerror(error));
    std::exit(1);
}

int check(int result, std::string_view what) {
    if (result < 0) {
        fail(what, errno);
    }
    return result;
}

std::optional<sockaddr_in> parse_address(const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) {
        return std::nullopt;
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    std::uint16_t port = 0;
    const char* const end = text.data() + text.size();
    const auto [parsed, error] = std::from_chars(text.data() + colon + 1, end, port);
    if (error != std::errc{} || parsed != end ||
        ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
        return std::nullopt;
    }
    address.sin_port = htons(port);
    return address;
}

int listen_on(const sockaddr_in& address) {
    const int descriptor = tcp_socket();
    const int on = 1;
    check(::setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), "SO_REUSEADDR");
    check(::bind(descriptor, as_sockaddr(address), sizeof address), "bind");
    check(::listen(descriptor, SOMAXCONN), "listen");
    return descriptor;
}

int connect_to(const sockaddr_in& address) {
    const int descriptor = tcp_socket();
    check(::connect(descriptor, as_sockaddr(address), sizeof address), "connect");
    return descriptor;
}

std::string local_address(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof address;
    check(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    char host[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &address.sin_addr, host, sizeof host);
    return std::string{host} + ":" + std::to_string(ntohs(address.sin_port));
}

void set_nonblocking(int descriptor) {
    const int flags = check(::fcntl(descriptor, F_GETFL), "fcntl");
    check(::fcntl(descriptor, F_SETFL, flags | O_NONBLOCK), "fcntl");
}

long raise_descriptor_limit() {
    rlimit limit{};
    check(::getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    check(::setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
    return static_cast<long>(limit.rlim_cur);
}

}  // namespace bench
