// An origin that takes uploads: it answers a request when the whole body has come, and counts the bytes. A line on
// stdin makes it say what it has counted: `{"requests": N, "bytes": N}`.
//
// Bodies are thrown away in the kernel, so that the origin is no part of what is measured.

#include "http/content_length.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using bench::check;

constexpr std::string_view answer = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";
constexpr std::string_view refusal = "HTTP/1.1 411 Length Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

class upload_origin {
  public:
    explicit upload_origin(int listener)
        : listener_{listener},
          epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
          peers_(static_cast<std::size_t>(bench::raise_descriptor_limit())),
          buffer_(std::size_t{64} * 1024) {
        bench::set_nonblocking(listener_);
        watch(listener_);
        watch(STDIN_FILENO);
    }

    // Until stdin ends.
    void run() {
        std::array<epoll_event, 256> events;
        for (bool asked_to_go_on = true; asked_to_go_on;) {
            const int ready = ::epoll_wait(epoll_, events.data(), events.size(), -1);
            for (int i = 0; i < ready; ++i) {
                const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
                if (descriptor == STDIN_FILENO) {
                    asked_to_go_on = say_counts();
                } else if (descriptor == listener_) {
                    accept_all();
                } else if (!receive(descriptor)) {
                    ::close(descriptor);
                }
            }
        }
    }

  private:
    struct peer {
        std::string head;  // what has come of it
        bool in_body = false;
        std::uint64_t left = 0;  // of the body
    };

    void watch(int descriptor) const {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = descriptor;
        check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event), "epoll_ctl");
    }

    [[nodiscard]] bool say_counts() const {
        std::array<char, 64> line;
        if (::read(STDIN_FILENO, line.data(), line.size()) <= 0) {
            return false;
        }
        std::printf("{\"requests\": %llu, \"bytes\": %llu}\n", static_cast<unsigned long long>(requests_),
                    static_cast<unsigned long long>(bytes_));
        std::fflush(stdout);
        return true;
    }

    void accept_all() {
        for (;;) {
            const int descriptor = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (descriptor < 0) {
                return;
            }
            peers_[static_cast<std::size_t>(descriptor)] = {};
            watch(descriptor);
        }
    }

    // All that is there. False when the connection is over.
    bool receive(int descriptor) {
        peer& from = peers_[static_cast<std::size_t>(descriptor)];
        for (;;) {
            const ssize_t count = from.in_body ? drop(descriptor, from) : receive_head(descriptor, from);
            if (count <= 0) {
                return count < 0 && errno == EAGAIN;
            }
            if (from.in_body && from.left == 0 && !reply(descriptor, from)) {
                return false;
            }
        }
    }

    ssize_t drop(int descriptor, peer& from) {
        constexpr std::uint64_t most = std::uint64_t{1} << 20;
        const auto wanted = static_cast<std::size_t>(std::min(from.left, most));
        const ssize_t count = ::recv(descriptor, nullptr, wanted, MSG_TRUNC);  // for TCP: thrown away (tcp(7))
        if (count > 0) {
            note_body(from, static_cast<std::size_t>(count));
        }
        return count;
    }

    ssize_t receive_head(int descriptor, peer& from) {
        constexpr std::string_view blank = "\r\n\r\n";
        const ssize_t count = ::recv(descriptor, buffer_.data(), buffer_.size(), 0);
        if (count <= 0) {
            return count;
        }
        from.head.append(buffer_.data(), static_cast<std::size_t>(count));
        const auto end = from.head.find(blank);
        if (end == std::string::npos) {
            return count;
        }
        const auto length = bench::content_length(std::string_view{from.head}.substr(0, end + 2));
        const std::size_t beyond = from.head.size() - end - blank.size();
        if (!length || beyond > *length) {
            static_cast<void>(::send(descriptor, refusal.data(), refusal.size(), MSG_NOSIGNAL));
            return 0;
        }
        from.in_body = true;
        from.left = *length;
        note_body(from, beyond);
        return count;
    }

    void note_body(peer& from, std::size_t count) {
        from.left -= count;
        bytes_ += count;
    }

    bool reply(int descriptor, peer& to) {
        to = {};
        ++requests_;
        return ::send(descriptor, answer.data(), answer.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(answer.size());
    }

    int listener_;
    int epoll_;
    std::vector<peer> peers_;
    std::vector<char> buffer_;
    std::uint64_t requests_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{
        count, values, {.usage = "upload_origin --listen 127.0.0.1:PORT", .options = {"--listen"}, .flags = {}}};
    const auto address = bench::parse_address(arguments.text("--listen"));
    if (!address) {
        arguments.misuse("'" + arguments.text("--listen") + "' is not an IPv4 address and port");
    }
    const int listener = bench::listen_on(*address);
    upload_origin origin{listener};
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    origin.run();
}
