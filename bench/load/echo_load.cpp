// The load on an echo server: each connection sends a message, waits for the same bytes to come back, and sends the
// next. `--depth N` keeps N messages under way on each. `--rate R` instead sends R messages per second, when their time
// has come and a connection is free, and takes the latency from the moment when each was due: a server that falls
// behind can't hide it by holding back the load. `--idle N` opens connections, exchanges one message on each, and holds
// them.
//
// With `--gated` it prints `ready` once every connection has exchanged a message, and starts at a line on stdin; when
// done it prints its result and holds the connections until stdin ends. So whoever measures the server can look at it
// exactly before and after, with no connecting or closing in between.

#include "load/echo_load.hpp"

#include "load/echo_stream.hpp"
#include "load/message_source.hpp"
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
#include <cstring>
#include <deque>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

constexpr std::size_t first_message = 4096;  // at most: longer ones could fill the buffers of both sides
constexpr std::size_t most_at_once = std::size_t{256} * 1024;
constexpr std::chrono::seconds patience{10};

struct plan {
    sockaddr_in server{};
    std::size_t connections = 0;
    std::size_t message_size = 0;
    std::size_t depth = 1;
    double rate = 0;  // messages per second; 0: as fast as echoes come back
    double seconds = 0;
    double warm_up = 0;
    std::uint64_t messages = std::numeric_limits<std::uint64_t>::max();
};

class echo_load {
  public:
    explicit echo_load(const plan& wanted)
        : plan_{wanted},
          source_{wanted.message_size},
          buffer_(std::min(wanted.message_size * wanted.depth, most_at_once)),
          epoll_{bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")} {}

    void connect_all() {
        streams_.reserve(plan_.connections);
        for (std::size_t index = 0; index < plan_.connections; ++index) {
            streams_.emplace_back(open(), index, plan_.depth);
        }
    }

    // Edge-triggered: nothing is asked for twice. The write edge comes only after a send that did not fit.
    void watch_all() const {
        for (std::size_t index = 0; index < streams_.size(); ++index) {
            bench::set_nonblocking(streams_[index].descriptor());
            epoll_event event{};
            event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
            event.data.u64 = index;
            bench::check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, streams_[index].descriptor(), &event), "epoll_ctl");
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
    }

    void run() {
        begun_ = completed_ = unsent_ = 0;
        latencies_ = {};
        free_.clear();
        started_ = now_ = last_event_ = clock_type::now();
        deadline_ =
            started_ + std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(plan_.seconds));
        for (std::size_t index = 0; index < streams_.size(); ++index) {
            free_.push_back(index);
        }
        plan_.rate > 0 ? run_by_clock() : run_by_echoes();
        finished_ = clock_type::now();
    }

    void report() const {
        const auto microseconds = [this](double share) {
            return static_cast<double>(latencies_.percentile(share)) / 1000;
        };
        std::printf(
            "{\"messages\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
            "\"p999_us\": %.1f, \"p9999_us\": %.1f, \"errors\": %llu, \"unsent\": %llu}\n",
            static_cast<unsigned long long>(completed_), std::chrono::duration<double>(finished_ - started_).count(),
            microseconds(0.5), microseconds(0.9), microseconds(0.99), microseconds(0.999), microseconds(0.9999),
            static_cast<unsigned long long>(errors_), static_cast<unsigned long long>(unsent_));
        std::fflush(stdout);
    }

    void close_all() {
        for (bench::echo_stream& each : streams_) {
            if (each.is_open()) {
                each.close();
            }
        }
    }

    [[nodiscard]] bool clean() const { return errors_ == 0; }

  private:
    static constexpr int warm_up_slices = 5;
    static constexpr double steady = 0.05;  // of the rate

    // Blocking, with one message there and back: connections are made one after another, so that a server's backlog
    // never overflows.
    int open() {
        const int descriptor = bench::connect_to(plan_.server);
        const std::byte* const message = source_.message(0, 0);
        const std::size_t size = std::min(source_.size(), first_message);
        std::array<std::byte, first_message> back;
        if (::send(descriptor, message, size, MSG_NOSIGNAL) != static_cast<ssize_t>(size) ||
            ::recv(descriptor, back.data(), size, MSG_WAITALL) != static_cast<ssize_t>(size) ||
            std::memcmp(back.data(), message, size) != 0) {
            bench::fail("the server does not echo", errno == 0 ? EPROTO : errno);
        }
        return descriptor;
    }

    void run_by_echoes() {
        for (std::size_t index = 0; index < streams_.size(); ++index) {
            top_up(index);
        }
        while (under_way_ > 0) {
            turn(std::chrono::milliseconds(patience).count());
        }
    }

    // It asks without waiting: a sleeping load would be late by what it takes to wake up. At twice the time it gives up
    // what a server in arrears has left over.
    void run_by_clock() {
        const auto end = started_ + 2 * (deadline_ - started_);
        while (under_way_ > 0 || (due(begun_) < deadline_ && now_ < end && errors_ == 0)) {
            turn(0);
            while (!free_.empty() && now_ < end && due(begun_) <= now_ && due(begun_) < deadline_) {
                const std::size_t index = free_.front();
                free_.pop_front();
                start(index, due(begun_));
                flush(index);
            }
        }
        while (due(begun_) < deadline_) {
            ++begun_;
            ++unsent_;
        }
    }

    // When a message was to be sent.
    [[nodiscard]] clock_type::time_point due(std::uint64_t message) const {
        const std::chrono::duration<double> since(static_cast<double>(message) / plan_.rate);
        return started_ + std::chrono::duration_cast<clock_type::duration>(since);
    }

    // The time is that of the turn: reading the clock for each message would cost a measurable part of it.
    void turn(long limit_ms) {
        std::array<epoll_event, 256> events;
        const int ready = ::epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(limit_ms));
        now_ = clock_type::now();
        if (ready > 0) {
            last_event_ = now_;
        } else if (now_ - last_event_ >= patience && under_way_ > 0) {
            std::fprintf(stderr, "echo_load: no echo for %d s on %llu connections\n",
                         static_cast<int>(patience.count()), static_cast<unsigned long long>(under_way_));
            errors_ += under_way_;
            under_way_ = 0;
        }
        for (int i = 0; i < ready; ++i) {
            dispatch(events[static_cast<std::size_t>(i)].data.u64);
        }
    }

    void dispatch(std::size_t index) {
        bench::echo_stream& peer = streams_[index];
        if (!peer.is_open()) {
            return;
        }
        const auto completed = [&](clock_type::time_point begin) {
            latencies_.add(static_cast<std::uint64_t>((now_ - begin).count()));
            ++completed_;
            --under_way_;
            if (plan_.rate > 0) {
                free_.push_back(index);
            }
        };
        if (!peer.receive(source_, buffer_, completed)) {
            give_up(peer);
            return;
        }
        plan_.rate > 0 ? flush(index) : top_up(index);
    }

    void top_up(std::size_t index) {
        while (!streams_[index].is_full() && now_ < deadline_ && begun_ < plan_.messages) {
            start(index, now_);
        }
        flush(index);
    }

    void start(std::size_t index, clock_type::time_point begin) {
        streams_[index].start(begin, source_);
        ++begun_;
        ++under_way_;
    }

    void flush(std::size_t index) {
        if (!streams_[index].flush(source_)) {
            give_up(streams_[index]);
        }
    }

    void give_up(bench::echo_stream& peer) {
        errors_ += std::max<std::uint64_t>(peer.under_way(), 1);
        under_way_ -= peer.under_way();
        peer.close();
    }

    plan plan_;
    bench::message_source source_;
    std::vector<std::byte> buffer_;
    int epoll_;
    std::vector<bench::echo_stream> streams_;
    std::deque<std::size_t> free_;  // connections, for a load by the clock
    std::uint64_t begun_ = 0;
    std::uint64_t completed_ = 0;
    std::uint64_t under_way_ = 0;
    std::uint64_t errors_ = 0;
    std::uint64_t unsent_ = 0;
    bench::latency_histogram latencies_;
    clock_type::time_point started_;
    clock_type::time_point now_;
    clock_type::time_point last_event_;
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
    wanted.depth = static_cast<std::size_t>(arguments.number("--depth", 1));
    wanted.rate = arguments.number("--rate", 0);
    wanted.seconds = arguments.number("--seconds", 5);
    wanted.warm_up = arguments.number("--warm-up", 0);
    if (wanted.rate > 0 && wanted.depth > 1) {
        arguments.misuse("a load at a fixed rate has one message under way per connection: --rate or --depth");
    }
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
        {.usage = "echo_load --connect ADDR [--connections N] [--size BYTES] [--depth N] [--rate R] "
                  "[--seconds S] [--messages M] [--warm-up S] [--gated], or echo_load --connect ADDR --idle N",
         .options = {"--connect", "--connections", "--size", "--depth", "--rate", "--seconds", "--messages",
                     "--warm-up", "--idle"},
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
    load.close_all();
    return load.clean() ? 0 : 1;
}

}  // namespace bench
