#include "load/burst.hpp"

#include "process/interrupt.hpp"
#include "support/sockets.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>

namespace iobench {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds patience{5};  // for an answer, and for the server to stop
using message = std::array<char, 64>;

message message_of(std::size_t connection, unsigned round) {
    message text{};
    std::snprintf(text.data(), text.size(), "connection %zu, round %u", connection, round);
    return text;
}

std::string told(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

/// The state of a process: the third word of its stat, behind the name in parentheses. See proc(5).
char state_of(pid_t process) {
    std::ifstream in("/proc/" + std::to_string(process) + "/stat");
    std::string line;
    std::getline(in, line);
    const auto name_end = line.rfind(')');
    return name_end == std::string::npos || name_end + 2 >= line.size() ? 'X' : line[name_end + 2];
}

bool stop(pid_t process) {
    if (::kill(process, SIGSTOP) != 0) return false;
    for (const auto limit = steady_clock::now() + patience; state_of(process) != 'T';) {
        if (steady_clock::now() > limit) return false;
        ::usleep(100);
    }
    return true;
}

int connect_to(const sockaddr_in& address) {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made >= 0 && ::connect(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return made;
    const int error = errno;
    if (made >= 0) ::close(made);
    errno = error;
    return -1;
}

}  // namespace

std::expected<burst_load, std::string> burst_load::open(const std::string& address, std::size_t connections) {
    const auto server = bench::parse_address(address);
    if (!server) return std::unexpected("no address: " + address);
    bench::raise_descriptor_limit();
    burst_load made;
    for (std::size_t i = 0; i < connections; ++i) {
        const int socket = connect_to(*server);
        if (socket < 0) return std::unexpected(told("connect"));
        made.sockets_.push_back(socket);
        // Once to and fro, so that the server's backlog never overflows and it knows them all.
        const message text = message_of(i, 0);
        message echo{};
        if (::send(socket, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size()) ||
            ::recv(socket, echo.data(), echo.size(), MSG_WAITALL) != static_cast<ssize_t>(echo.size()) ||
            echo != text) {
            return std::unexpected("the server does not echo");
        }
    }
    return made;
}

burst_load::~burst_load() {
    for (const int socket : sockets_) ::close(socket);
}

std::expected<burst_result, std::string> burst_load::send_all_while_stopped(pid_t server) {
    ++round_;
    if (!stop(server)) return std::unexpected("the server does not stop: " + told("SIGSTOP"));
    for (std::size_t i = 0; i < sockets_.size(); ++i) {
        const message text = message_of(i, round_);
        if (::send(sockets_[i], text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) {
            ::kill(server, SIGCONT);
            return std::unexpected(told("send"));
        }
    }
    const auto started = steady_clock::now();
    ::kill(server, SIGCONT);
    burst_result result;
    result.answered = collect(round_);
    result.seconds = std::chrono::duration<double>(steady_clock::now() - started).count();
    return result;
}

/// In the order of the connections: the time that counts is that of the last one.
std::size_t burst_load::collect(unsigned round) {
    std::size_t answered = 0;
    const auto limit = steady_clock::now() + patience;
    for (std::size_t i = 0; i < sockets_.size() && !interrupted(); ++i) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - steady_clock::now()).count();
        pollfd wait{.fd = sockets_[i], .events = POLLIN, .revents = 0};
        if (::poll(&wait, 1, left > 0 ? static_cast<int>(left) : 0) != 1) continue;
        message echo{};
        const auto size = ::recv(sockets_[i], echo.data(), echo.size(), MSG_WAITALL);
        if (size == static_cast<ssize_t>(echo.size()) && echo == message_of(i, round)) ++answered;
    }
    return answered;
}

}  // namespace iobench
