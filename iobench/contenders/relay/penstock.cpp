#include <penstock/penstock.hpp>

#include "contenders/relay/relays.hpp"
#include "machine/backends.hpp"

#include <cstdio>
#include <cstdlib>

namespace iobench {

namespace {

using penstock::endpoint;
using penstock::scope;
using penstock::task;

task<void> pass_on(penstock::net::stream& from, penstock::net::stream& to) {
    const auto moved = co_await penstock::transfer(from, to);
    if (moved) static_cast<void>(co_await to.shutdown_send());
}

task<void> relay_one(penstock::net::stream client, endpoint upstream) {
    auto server = co_await penstock::net::connect(upstream);
    if (!server) co_return;
    static_cast<void>(co_await penstock::when_all(pass_on(client, *server), pass_on(*server, client)));
}

task<void> relay_all(int listener, endpoint upstream) {
    auto door = co_await penstock::net::adopt_listener(listener);
    if (!door) std::exit(1);
    co_await penstock::with_scope([&](scope& pairs) -> task<void> {
        for (;;) {
            auto client = co_await door->accept();
            if (!client) std::exit(1);
            pairs.spawn(relay_one(std::move(*client), upstream));
        }
    });
}

void relay_on(const std::string& backend, bool splice, int listener, const sockaddr_in& upstream) {
    constexpr std::size_t pipes = 1024;
    constexpr std::uint32_t buffer_size = 16384;
    const auto engine = penstock::loop::create(
        {.backend = backend, .buffers = {.buffer_size = buffer_size}, .transfer_pipes = splice ? pipes : 0});
    if (!engine) {
        std::fprintf(stderr, "%s\n", engine.error().message.c_str());
        std::exit(1);
    }
    const endpoint to = endpoint::loopback(ntohs(upstream.sin_port));
    (*engine)->run(relay_all(listener, to));
}

}  // namespace

std::vector<relay> penstock_relays() {
    std::vector<relay> all;
    for (const auto& one : surveyed_backends()) {
        if (one.name != "epoll" && one.name != "io_uring") continue;
        for (const bool splice : {false, true}) {
            all.push_back({{"penstock/" + one.name + (splice ? " transfer" : " copy"), group::penstock,
                            one.works ? "" : one.why_not},
                           [name = one.name, splice](int listener, const sockaddr_in& upstream) {
                               relay_on(name, splice, listener, upstream);
                           }});
        }
    }
    return all;
}

}  // namespace iobench
