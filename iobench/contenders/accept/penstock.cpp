#include <penstock/penstock.hpp>

#include "contenders/accept/stage.hpp"
#include "machine/backends.hpp"

#include <cstdio>
#include <cstdlib>

namespace iobench {

namespace {

using penstock::task;

task<void> serve_all(accept_stage& stage, std::size_t worker, int listener) {
    auto door = co_await penstock::net::adopt_listener(listener);
    if (!door) std::exit(1);
    const auto answer = [&](penstock::net::stream& peer) -> task<penstock::net::after> {
        stage.took(worker);
        const penstock::result<penstock::lease> received = co_await peer.receive();
        if (!received || received->empty()) co_return penstock::net::after::close;
        if (!co_await peer.send(received->bytes())) co_return penstock::net::after::close;
        static_cast<void>(co_await peer.receive());  // its end
        co_return penstock::net::after::close;
    };
    constexpr penstock::net::serve_options options{.most_connections = SIZE_MAX};
    static_cast<void>(co_await penstock::net::serve(*door, options, answer));
}

void work(const std::string& backend, bool exclusive, accept_stage& stage, std::size_t worker, int listener) {
    const auto engine = penstock::loop::create({.backend = backend, .bounds = {.exclusive_accept = exclusive}});
    if (!engine) {
        std::fprintf(stderr, "%s\n", engine.error().message.c_str());
        std::exit(1);
    }
    (*engine)->run(serve_all(stage, worker, listener));
}

}  // namespace

std::vector<accept_server> penstock_accept_servers() {
    constexpr std::pair<listening, const char*> ways[] = {
        {listening::shared, " shared"}, {listening::exclusive, " exclusive"}, {listening::reuse_port, " reuseport"}};
    std::vector<accept_server> all;
    for (const auto& one : surveyed_backends()) {
        if (one.name != "epoll" && one.name != "io_uring") continue;
        for (const auto& [how, suffix] : ways) {
            if (how == listening::exclusive && one.name != "epoll") continue;  // a flag of epoll
            all.push_back({{"penstock/" + one.name + suffix, group::penstock, one.works ? "" : one.why_not},
                           how,
                           [name = one.name, how](accept_stage& stage, std::size_t worker, int listener) {
                               work(name, how == listening::exclusive, stage, worker, listener);
                           }});
        }
    }
    return all;
}

}  // namespace iobench
