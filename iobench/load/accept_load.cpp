#include "load/accept_load.hpp"

#include "support/latency_histogram.hpp"
#include "support/sockets.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <nlohmann/json.hpp>

namespace iobench {

namespace {

using std::chrono::steady_clock;

constexpr std::size_t slots = 64;
constexpr std::size_t message_size = 64;
constexpr std::chrono::milliseconds patience{100};

/// Slots, each with a connection that is on its way: connect, send, receive, close with a reset, so that none is left
/// in TIME_WAIT.
class storm {
  public:
    explicit storm(const sockaddr_in& server)
        : server_(server), epoll_(bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {}

    void run(double seconds) {
        answered_ = stranded_ = 0;
        latencies_ = {};
        const auto started = now_ = steady_clock::now();
        const auto end =
            started + std::chrono::duration_cast<steady_clock::duration>(std::chrono::duration<double>(seconds));
        for (std::size_t i = 0; i < slots; ++i) open(i);
        while (now_ < end) turn();
        for (slot& each : slots_) close(each);
        std::printf(
            "{\"connections\": %zu, \"stranded\": %zu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f}\n",
            answered_, stranded_, std::chrono::duration<double>(now_ - started).count(), microseconds(0.5),
            microseconds(0.99));
        std::fflush(stdout);
    }

  private:
    struct slot {
        int descriptor = -1;
        bool sent = false;
        std::uint64_t number = 0;  // what its message says
        steady_clock::time_point begun;
    };

    double microseconds(double share) const { return static_cast<double>(latencies_.percentile(share)) / 1000; }

    void open(std::size_t index) {
        slot& made = slots_[index];
        made.descriptor = bench::check(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket");
        made.sent = false;
        made.number = ++opened_;
        made.begun = now_;
        if (::connect(made.descriptor, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) != 0 &&
            errno != EINPROGRESS) {
            bench::fail("connect", errno);
        }
        epoll_event event{};
        event.events = EPOLLIN | EPOLLOUT | EPOLLET;
        event.data.u64 = index;
        bench::check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, made.descriptor, &event), "epoll_ctl");
    }

    static void close(slot& one) {
        const linger reset{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(one.descriptor, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        ::close(one.descriptor);
    }

    void turn() {
        std::array<epoll_event, slots> events;
        const int ready = ::epoll_wait(epoll_, events.data(), events.size(), 10);
        now_ = steady_clock::now();
        for (int i = 0; i < ready; ++i) advance(events[static_cast<std::size_t>(i)].data.u64);
        if (now_ < next_look_) return;
        next_look_ = now_ + patience / 10;
        for (std::size_t i = 0; i < slots; ++i) {
            if (now_ - slots_[i].begun > patience) replace(i, stranded_);
        }
    }

    void advance(std::size_t index) {
        slot& one = slots_[index];
        const std::array<char, message_size> message = message_of(one.number);
        if (!one.sent) {
            one.sent = true;
            if (::send(one.descriptor, message.data(), message.size(), MSG_NOSIGNAL) != ssize_t{message_size}) {
                bench::fail("send on a new connection", errno);
            }
            return;
        }
        std::array<char, message_size> back;
        const ssize_t received = ::recv(one.descriptor, back.data(), back.size(), 0);
        if (received < 0 && errno == EAGAIN) return;
        if (received != ssize_t{message_size} || back != message) bench::fail("a wrong answer", EPROTO);
        latencies_.add(static_cast<std::uint64_t>((now_ - one.begun).count()));
        replace(index, answered_);
    }

    static std::array<char, message_size> message_of(std::uint64_t number) {
        std::array<char, message_size> message;
        message.fill('x');
        std::memcpy(message.data(), &number, sizeof number);
        return message;
    }

    void replace(std::size_t index, std::size_t& count) {
        ++count;
        close(slots_[index]);
        open(index);
    }

    sockaddr_in server_;
    int epoll_;
    std::array<slot, slots> slots_;
    std::uint64_t opened_ = 0;
    std::size_t answered_ = 0;
    std::size_t stranded_ = 0;
    bench::latency_histogram latencies_;
    steady_clock::time_point now_;
    steady_clock::time_point next_look_;
};

int generate(std::span<const std::string> arguments) {
    const auto server = arguments.size() == 1 ? bench::parse_address(arguments[0]) : std::nullopt;
    if (!server) {
        std::fputs("accept-load: an address is needed\n", stderr);
        return 2;
    }
    storm load(*server);
    std::puts("ready");
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) load.run(std::stod(line));
    return 0;
}

}  // namespace

std::expected<accept_load, std::string> accept_load::open(const std::string& address) {
    auto process = child::in_role({"accept-load", address}, core::load);
    if (!process) return std::unexpected(process.error());
    if (const auto said = process->read_line(); !said) return std::unexpected(said.error());
    return accept_load(std::move(*process));
}

std::expected<accept_result, std::string> accept_load::run(double seconds) {
    if (const auto told = process_.tell(std::to_string(seconds)); !told) return std::unexpected(told.error());
    const auto said = process_.read_line(std::chrono::duration<double>(seconds + 30));
    if (!said) return std::unexpected(said.error());
    const auto result = nlohmann::json::parse(*said, nullptr, false);
    if (result.is_discarded() || result.value("connections", 0) + result.value("stranded", 0) == 0) {
        return std::unexpected("the load went wrong: " + *said);
    }
    return accept_result{.connections = result["connections"],
                         .stranded = result["stranded"],
                         .seconds = result["seconds"],
                         .p50_us = result["p50_us"],
                         .p99_us = result["p99_us"]};
}

role accept_load_role() { return {"accept-load", generate}; }

}  // namespace iobench
