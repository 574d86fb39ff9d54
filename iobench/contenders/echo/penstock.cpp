#include <penstock/penstock.hpp>

#include "bare/mechanisms.hpp"
#include "contenders/echo/echo_servers.hpp"
#include "machine/backends.hpp"

#include <cstdio>
#include <cstdlib>

namespace iobench {

namespace {

using penstock::task;

constexpr std::uint32_t most_threads = 20'000;  // so that the limit is the machine's

task<penstock::net::after> answer(penstock::net::stream& peer) {
    do {
        const penstock::result<penstock::lease> received = co_await peer.receive();
        if (!received || received->empty()) co_return penstock::net::after::close;
        if (!co_await peer.send(received->bytes())) co_return penstock::net::after::close;
    } while (peer.has_input());
    co_return penstock::net::after::idle;
}

task<void> serve_all(int listener) {
    auto door = co_await penstock::net::adopt_listener(listener);
    if (!door) std::exit(1);
    constexpr penstock::net::serve_options options{.most_connections = SIZE_MAX};
    static_cast<void>(co_await penstock::net::serve(*door, options, answer));
}

std::function<void(penstock::loop&)> loop_made;

void serve_on(const std::string& backend, int listener) {
    const penstock::loop_options wanted{
        .backend = backend, .bounds = {.max_threads = most_threads}, .buffers = {.buffer_size = bench::max_message}};
    const auto engine = penstock::loop::create(wanted);
    if (!engine) {
        std::fprintf(stderr, "%s\n", engine.error().message.c_str());
        std::exit(1);
    }
    if (loop_made) loop_made(**engine);
    (*engine)->run(serve_all(listener));
}

}  // namespace

void on_penstock_loop(std::function<void(penstock::loop&)> made) { loop_made = std::move(made); }

std::vector<echo_server> penstock_echo_servers() {
    std::vector<echo_server> all;
    for (const auto& one : surveyed_backends()) {
        if (one.name == "null" || one.capabilities.own_world) continue;  // no sockets of this machine
        all.push_back({{"penstock/" + one.name, group::penstock, one.works ? "" : one.why_not},
                       [name = one.name](int listener) { serve_on(name, listener); }});
        if (one.name != "epoll") continue;
        for (const std::string name : {"epoll:level", "epoll:oneshot"}) {
            all.push_back({{"penstock/" + name, group::penstock, one.works ? "" : one.why_not},
                           [name](int listener) { serve_on(name, listener); }});
        }
    }
    return all;
}

}  // namespace iobench
