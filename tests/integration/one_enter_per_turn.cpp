// io_uring in steady state: one io_uring_enter per turn of the loop submits and waits at once. Exit status 77: no
// io_uring here.
#include <penstock/penstock.hpp>

#include <cstdio>
#include <vector>

using namespace penstock;

namespace {

constexpr int connections = 64;
constexpr int rounds = 200;

task<net::after> answer(net::stream& peer) {
    do {
        const auto received = co_await peer.receive();
        if (!received || received->empty()) co_return net::after::close;
        if (!co_await peer.send(received->bytes())) co_return net::after::close;
    } while (peer.has_input());
    co_return net::after::idle;
}

task<bool> exchange(net::stream& peer) {
    for (int i = 0; i < rounds; ++i) {
        if (!co_await peer.send("a message")) co_return false;
        for (std::size_t back = 0; back < 9;) {
            const auto received = co_await peer.receive();
            if (!received || received->empty()) co_return false;
            back += received->size();
        }
    }
    co_return true;
}

task<bool> exchange_all(std::vector<net::stream>& peers) {
    std::vector<task<bool>> running;
    for (net::stream& peer : peers) running.push_back(exchange(peer));
    const auto outcomes = co_await when_all(std::move(running));
    for (const bool well : outcomes) {
        if (!well) co_return false;
    }
    co_return true;
}

task<bool> measure(endpoint at) {
    std::vector<net::stream> peers;
    for (int i = 0; i < connections; ++i) {
        auto peer = co_await net::connect(at);
        if (!peer) co_return false;
        peers.push_back(std::move(*peer));
    }
    if (!co_await exchange_all(peers)) co_return false;  // from here on everything is armed
    const loop_statistics before = current_loop->statistics();
    if (!co_await exchange_all(peers)) co_return false;
    const loop_statistics after = current_loop->statistics();
    const auto enters = after.enters - before.enters;
    const auto turns = after.turns - before.turns;
    std::printf("%d messages there and back: %llu turns, %llu enters\n", connections * rounds,
                static_cast<unsigned long long>(turns), static_cast<unsigned long long>(enters));
    co_return enters <= turns;
}

task<bool> test() {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!listening) co_return false;
    const auto at = co_await listening->local_endpoint();
    if (!at) co_return false;
    auto outcome = co_await when_any(net::serve(*listening, {}, answer), measure(*at));
    co_return std::get<1>(outcome.values);
}

}  // namespace

int main() {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) {
        std::printf("skipped: %s\n", made.error().message.c_str());
        return 77;
    }
    return (*made)->run(test()) ? 0 : 1;
}
