#include "contenders/files/mixed_server.hpp"

#include "contenders/files/block_order.hpp"
#include "contenders/files/content.hpp"
#include "contenders/files/file_work.hpp"
#include "support/sockets.hpp"
#include <penstock/penstock.hpp>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

namespace iobench {

namespace {

using penstock::task;

struct mixed_server {
    mixed_setup setup;
    block_order order;
    penstock::fs::file file = {};
    std::uint64_t visited = 0;
    std::atomic<std::uint64_t> reads = 0;
};

task<penstock::net::after> answer(penstock::net::stream& peer) {
    do {
        const penstock::result<penstock::lease> received = co_await peer.receive();
        if (!received || received->empty()) co_return penstock::net::after::close;
        if (!co_await peer.send(received->bytes())) co_return penstock::net::after::close;
    } while (peer.has_input());
    co_return penstock::net::after::idle;
}

task<void> read_pages(mixed_server& server) {
    const std::unique_ptr<std::byte, void (*)(void*)> page(
        static_cast<std::byte*>(std::aligned_alloc(page_size, page_size)), std::free);
    const std::span<std::byte> bytes(page.get(), page_size);
    for (;;) {
        const std::uint64_t offset = server.order(server.visited++ % server.order.count()) * page_size;
        const auto count = co_await server.file.read_at(bytes, offset);
        if (!count) give_up(server.setup.path, count.error().value());
        if (*count != page_size || !marked_right(bytes, server.setup.seed, 0, offset)) give_up("wrong bytes");
        server.reads.fetch_add(1, std::memory_order_relaxed);
        const auto paused = co_await penstock::sleep_for(std::chrono::microseconds(server.setup.pause_us));
        if (!paused) co_return;
    }
}

task<void> serve_all(mixed_server& server, int listener) {
    auto door = co_await penstock::net::adopt_listener(listener);
    if (!door) give_up("the listener", door.error().value());
    if (!server.setup.path.empty()) {
        auto opened = co_await penstock::fs::open(server.setup.path, {.direct = server.setup.direct});
        if (!opened) give_up(server.setup.path, opened.error().value());
        server.file = std::move(*opened);
    }
    co_await penstock::with_scope([&](penstock::scope& readers) -> task<void> {
        if (server.file.open()) {
            for (unsigned i = 0; i < server.setup.readers; ++i) readers.spawn(read_pages(server));
        }
        constexpr penstock::net::serve_options options{.most_connections = SIZE_MAX};
        static_cast<void>(co_await penstock::net::serve(*door, options, answer));
    });
}

void answer_questions(const mixed_server& server) {
    for (char line[16]; std::fgets(line, sizeof line, stdin) != nullptr;) {
        std::printf("%llu\n", static_cast<unsigned long long>(server.reads.load(std::memory_order_relaxed)));
        std::fflush(stdout);
    }
    ::_exit(0);  // whoever asked has gone
}

mixed_setup setup_from(const nlohmann::json& from) {
    try {
        return {.backend = from.at("backend"),
                .path = from.at("path"),
                .bytes = from.at("bytes"),
                .seed = from.at("seed"),
                .direct = from.at("direct"),
                .readers = from.at("readers"),
                .pause_us = from.at("pause_us")};
    } catch (const nlohmann::json::exception& wrong) {
        give_up(wrong.what());
    }
}

int run(std::span<const std::string> arguments) {
    if (arguments.size() != 1) give_up("mixed-server: a setup");
    const mixed_setup setup = setup_from(nlohmann::json::parse(arguments[0], nullptr, false));
    mixed_server server{.setup = setup, .order = block_order(std::max<std::uint64_t>(setup.bytes / page_size, 1), 1)};
    bench::raise_descriptor_limit();
    const int listener = bench::listen_on(*bench::parse_address("127.0.0.1:0"));
    const auto engine = penstock::loop::create({.backend = setup.backend});
    if (!engine) give_up(engine.error().message);
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    std::thread([&server] { answer_questions(server); }).detach();
    (*engine)->run(serve_all(server, listener));
    return 0;
}

}  // namespace

nlohmann::json to_json(const mixed_setup& setup) {
    return {{"backend", setup.backend}, {"path", setup.path},       {"bytes", setup.bytes},      {"seed", setup.seed},
            {"direct", setup.direct},   {"readers", setup.readers}, {"pause_us", setup.pause_us}};
}

role mixed_server_role() { return {"mixed-server", run}; }

}  // namespace iobench
