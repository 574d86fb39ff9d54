// Signal-driven I/O with a queue of signals that is far too short: 2,000 connections all receive at once, again and
// again. No message may be lost, and each must be there two turns after it was sent at the latest. Exit status 77:
// there is no such backend here, or there are too few descriptors.
#include <penstock/penstock.hpp>

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace penstock;

namespace {

constexpr std::size_t connections = 2000;
constexpr int rounds = 20;
constexpr ::rlim_t queue = 64;  // signals that the kernel keeps for this user, instead of tens of thousands
constexpr std::uint64_t most_turns = 2;

/// The other side of a connection, which no loop knows.
class client {
  public:
    client() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {}
    client(client&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    client& operator=(client&&) = delete;
    ~client() {
        if (fd_ >= 0) ::close(fd_);
    }
    bool connect(const endpoint& at) const {
        return ::connect(fd_, reinterpret_cast<const ::sockaddr*>(at.raw()), at.raw_size()) == 0;
    }
    bool send(const std::string& text) const { return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) > 0; }

  private:
    int fd_;
};

struct peer {
    net::stream near;
    client far;
};

std::uint64_t turns() { return current_loop->statistics().turns; }

std::string message(std::size_t connection, int round) {
    return std::to_string(connection) + " in round " + std::to_string(round);
}

bool shorten_queue() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_SIGPENDING, &limit);
    limit.rlim_cur = queue;
    return ::setrlimit(RLIMIT_SIGPENDING, &limit) == 0;
}

bool allow_descriptors() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 2 * connections + 100;
}

/// \return the turn in which it was received, or 0 if it is not what was sent.
task<std::uint64_t> receive(net::stream& from, std::string expected) {
    const auto received = co_await from.receive();
    const bool right = received && received->text() == expected;
    co_return right ? turns() : 0;
}

/// Sends to all of them within one turn, so that the loop collects nothing meanwhile. \return that turn.
task<std::uint64_t> send_to_all(std::vector<peer>& peers, int round) {
    for (std::size_t i = 0; i < peers.size(); ++i) {
        if (!peers[i].far.send(message(i, round))) co_return 0;
    }
    co_return turns();
}

task<bool> one_round(std::vector<peer>& peers, int round) {
    std::vector<task<std::uint64_t>> all;
    for (std::size_t i = 0; i < peers.size(); ++i) all.push_back(receive(peers[i].near, message(i, round)));
    all.push_back(send_to_all(peers, round));
    const std::uint64_t overflows = current_loop->statistics().overflows;
    const auto heard = co_await when_all(std::move(all));
    const std::uint64_t sent = heard.back();
    const auto [first, last] = std::minmax_element(heard.begin(), heard.end() - 1);
    const std::uint64_t overflown = current_loop->statistics().overflows - overflows;
    if (*first == 0 || sent == 0) {
        std::printf("round %d: a message is missing or wrong\n", round);
        co_return false;
    }
    if (overflown == 0 || *last > sent + most_turns) {
        std::printf("round %d: %llu overflows, the last message came after %llu turns\n", round,
                    static_cast<unsigned long long>(overflown), static_cast<unsigned long long>(*last - sent));
        co_return false;
    }
    co_return true;
}

task<bool> connect_all(std::vector<peer>& peers) {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!listening) co_return false;
    const auto at = co_await listening->local_endpoint();
    if (!at) co_return false;
    while (peers.size() < connections) {
        client far;
        if (!far.connect(*at)) co_return false;
        auto near = co_await listening->accept();
        if (!near) co_return false;
        peers.push_back({std::move(*near), std::move(far)});
    }
    co_return true;
}

task<bool> test() {
    std::vector<peer> peers;
    if (!co_await connect_all(peers)) {
        std::puts("could not connect");
        co_return false;
    }
    if (!shorten_queue()) co_return false;
    bool well = true;
    for (int round = 0; round < rounds && well; ++round) well = co_await one_round(peers, round);
    const loop_statistics figures = current_loop->statistics();
    std::printf("%zu connections, %d rounds: %llu turns, %llu overflows\n", peers.size(), rounds,
                static_cast<unsigned long long>(figures.turns), static_cast<unsigned long long>(figures.overflows));
    co_return well;
}

}  // namespace

int main() {
    if (!allow_descriptors()) {
        std::printf("skipped: %zu descriptors are needed (`ulimit -Hn`)\n", 2 * connections + 100);
        return 77;
    }
    auto made = loop::create({.backend = "sigio", .buffers = {.buffer_size = 256, .count = 2 * connections}});
    if (!made) {
        std::printf("skipped: %s\n", made.error().message.c_str());
        return 77;
    }
    return (*made)->run(test()) ? 0 : 1;
}
