// The load on an echo server: each connection sends a message, waits for the same bytes to come back, and
// sends the next. `--idle N` instead opens connections, exchanges one message on each, and holds them.
//
// With `--gated` it prints `ready` once every connection has exchanged a message, and starts at a line on
// stdin; when done it prints its result and holds the connections until stdin ends. So whoever measures the
// server can look at it exactly before and after, with no connecting or closing in between.

#include "load/echo_load.hpp"

#include "support/arguments.hpp"
#include "support/latency_histogram.hpp"
#include "support/sockets.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

struct plan {
    sockaddr_in server{};
    std::size_t connections = 0;
    std::size_t message_size = 0;
    double seconds = 0;
    double warm_up = 0;
    std::uint64_t messages = std::numeric_limits<std::uint64_t>::max();
};

struct connection {
    int descriptor = -1;
    std::size_t received = 0;
    std::uint64_t round = 0;  // numbers the messages, so that a late echo of an earlier one is noticed
    clock_type::time_point sent_at;
};

// The pattern is read at an offset that depends on connection and round: building a message costs nothing,
// and a byte that is lost, doubled or crossed over between connections shows.
class message_source {
  public:
    explicit message_source(std::size_t size) : size_{size}, pattern_(size + shifts) {
        std::uint32_t state = 1;
        for (std::byte& byte : pattern_) {
            state = state * 1664525 + 1013904223;
            byte = static_cast<std::byte>(state >> 24);
        }
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] const std::byte* message(std::size_t connection, std::uint64_t round) const {
        return pattern_.data() + (connection * 31 + round) % shifts;
    }

  private:
    static constexpr std::size_t shifts = 1021;

    std::size_t size_;
    std::vector<std::byte> pattern_;
};

class echo_load {
  public:
    explicit echo_load(const plan& wanted)
        : plan_{wanted},
          source_{wanted.message_size},
          buffer_(wanted.message_size),
          epoll_{bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")} {}

    void connect_all() {
        connections_.resize(plan_.connections);
        for (std::size_t index = 0; index < connections_.size(); ++index) {
            connections_[index].descriptor = bench::connect_to(plan_.server);
            exchange_one(index);
        }
    }

    // Edge-triggered: after a whole message nothing more can be there, and the kernel need not look again.
    void watch_all() const {
        for (std::size_t index = 0; index < connections_.size(); ++index) {
            bench::set_nonblocking(connections_[index].descriptor);
            epoll_event event{};
            event.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
            event.data.u64 = index;
            bench::check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[index].descriptor, &event), "epoll_ctl");
        }
    }

    // In slices, until two that follow each other do the same amount of work: caches, branch predictors, buffers and
    // the sizes that either side adapts have settled then.
    void warm_up() {
        const double seconds = plan_.seconds;
        const std::uint64_t messages = std::exchange(plan_.messages, std::numeric_limits<std::uint64_t>::max());
        plan_.seconds = plan_.warm_up / warm_up_slices;
        double previous = 0;
        for (int slice = 0; slice < warm_up_slices && clean(); ++slice) {
            completed_ = 0;
            run();
            const double rate =
                static_cast<double>(completed_) / std::chrono::duration<double>(finished_ - started_).count();
            if (std::abs(rate - previous) < steady * rate) {
                break;
            }
            previous = rate;
        }
        plan_.seconds = seconds;
        plan_.messages = messages;
        completed_ = 0;
        latencies_ = {};
    }

    void run() {
        started_ = now_ = clock_type::now();
        deadline_ =
            started_ + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(plan_.seconds));
        for (std::size_t index = 0; index < connections_.size(); ++index) {
            send_next(index);
        }
        while (under_way_ > 0) {
            turn();
        }
        finished_ = clock_type::now();
    }

    void report() const {
        const auto microseconds = [this](double share) {
            return static_cast<double>(latencies_.percentile(share)) / 1000;
        };
        std::printf("{\"messages\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"errors\": %llu}\n",
                    static_cast<unsigned long long>(completed_),
                    std::chrono::duration<double>(finished_ - started_).count(), microseconds(0.5), microseconds(0.99),
                    static_cast<unsigned long long>(errors_));
        std::fflush(stdout);
    }

    [[nodiscard]] bool clean() const { return errors_ == 0; }

  private:
    static constexpr int warm_up_slices = 5;
    static constexpr double steady = 0.05;  // of the rate

    // Blocking: connections are made one after another, so that a server's backlog never overflows.
    void exchange_one(std::size_t index) {
        connection& peer = connections_[index];
        const std::byte* const message = source_.message(index, peer.round);
        const auto size = static_cast<ssize_t>(source_.size());
        if (::send(peer.descriptor, message, source_.size(), MSG_NOSIGNAL) != size ||
            ::recv(peer.descriptor, buffer_.data(), source_.size(), MSG_WAITALL) != size ||
            std::memcmp(buffer_.data(), message, source_.size()) != 0) {
            bench::fail("the server does not echo", errno == 0 ? EPROTO : errno);
        }
    }

    void turn() {
        constexpr int patience_ms = 10'000;
        std::array<epoll_event, 256> events;
        const int ready = ::epoll_wait(epoll_, events.data(), events.size(), patience_ms);
        if (ready == 0) {
            std::fprintf(stderr, "echo_load: no echo for %d s on %llu connections\n", patience_ms / 1000,
                         static_cast<unsigned long long>(under_way_));
            errors_ += under_way_;
            under_way_ = 0;
        }
        now_ = clock_type::now();
        for (int i = 0; i < ready; ++i) {
            receive(events[static_cast<std::size_t>(i)].data.u64);
        }
    }

    void receive(std::size_t index) {
        connection& peer = connections_[index];
        while (peer.descriptor >= 0) {
            const ssize_t count =
                ::recv(peer.descriptor, buffer_.data() + peer.received, source_.size() - peer.received, 0);
            if (count < 0 && errno == EAGAIN) {
                return;
            }
            if (count <= 0) {
                give_up(peer);
                return;
            }
            // One buffer for all: a message that comes in pieces is compared piece by piece.
            const std::byte* const expected = source_.message(index, peer.round) + peer.received;
            if (std::memcmp(buffer_.data() + peer.received, expected, static_cast<std::size_t>(count)) != 0) {
                give_up(peer);
                return;
            }
            peer.received += static_cast<std::size_t>(count);
            if (peer.received == source_.size()) {
                complete(index);
                return;
            }
        }
    }

    void complete(std::size_t index) {
        connection& peer = connections_[index];
        latencies_.add(static_cast<std::uint64_t>((now_ - peer.sent_at).count()));
        ++completed_;
        ++peer.round;
        --under_way_;
        send_next(index);
    }

    // The time is that of the turn: reading the clock for each message would cost a measurable part of it.
    void send_next(std::size_t index) {
        if (now_ >= deadline_ || completed_ + under_way_ >= plan_.messages) {
            return;
        }
        connection& peer = connections_[index];
        peer.received = 0;
        peer.sent_at = now_;
        ++under_way_;
        const std::byte* const message = source_.message(index, peer.round);
        if (::send(peer.descriptor, message, source_.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(source_.size())) {
            give_up(peer);
        }
    }

    void give_up(connection& peer) {
        ++errors_;
        --under_way_;
        ::close(peer.descriptor);
        peer.descriptor = -1;
    }

    plan plan_;
    message_source source_;
    std::vector<std::byte> buffer_;
    int epoll_;
    std::vector<connection> connections_;
    std::uint64_t completed_ = 0;
    std::uint64_t under_way_ = 0;
    std::uint64_t errors_ = 0;
    bench::latency_histogram latencies_;
    clock_type::time_point started_;
    clock_type::time_point now_;
    clock_type::time_point deadline_;
    clock_type::time_point finished_;
};

void say_ready() {
    std::puts("ready");
    std::fflush(stdout);
}

void await_line() {
    for (int c = std::getchar(); c != '\n' && c != EOF; c = std::getchar()) {
    }
}

void await_end_of_input() {
    while (std::getchar() != EOF) {
    }
}

plan read_plan(const bench::arguments& arguments) {
    plan wanted;
    const auto server = bench::parse_address(arguments.text("--connect"));
    if (!server) {
        arguments.misuse("'" + arguments.text("--connect") + "' is not an IPv4 address and port");
    }
    wanted.server = *server;
    wanted.connections = static_cast<std::size_t>(arguments.number("--idle", arguments.number("--connections", 32)));
    wanted.message_size = static_cast<std::size_t>(arguments.number("--size", 64));
    wanted.seconds = arguments.number("--seconds", 5);
    wanted.warm_up = arguments.number("--warm-up", 0);
    if (arguments.has("--messages")) {
        wanted.messages = static_cast<std::uint64_t>(arguments.number("--messages", 0));
        wanted.seconds = arguments.number("--seconds", 3600);
    }
    const long limit = bench::raise_descriptor_limit();
    if (wanted.connections + 16 > static_cast<std::size_t>(limit)) {
        arguments.misuse(std::to_string(wanted.connections) + " connections need a higher descriptor limit than " +
                         std::to_string(limit) + " (see `ulimit -Hn`)");
    }
    return wanted;
}

}  // namespace

namespace bench {

int echo_load_main(int count, char** values) {
    const bench::arguments arguments{
        count,
        values,
        {.usage = "echo_load --connect ADDR [--connections N] [--size BYTES] [--seconds S] [--messages M] "
                  "[--warm-up S] [--gated], or "
                  "echo_load --connect ADDR --idle N",
         .options = {"--connect", "--connections", "--size", "--seconds", "--messages", "--warm-up", "--idle"},
         .flags = {"--gated"}}};
    echo_load load{read_plan(arguments)};
    load.connect_all();

    if (arguments.has("--idle")) {
        say_ready();
        await_end_of_input();
        return 0;
    }
    load.watch_all();
    if (arguments.has("--warm-up")) {
        load.warm_up();
    }
    if (arguments.has("--gated")) {
        say_ready();
        await_line();
    }
    load.run();
    load.report();
    if (arguments.has("--gated")) {
        await_end_of_input();
    }
    return load.clean() ? 0 : 1;
}

}  // namespace bench
