// The load on an HTTP server, of all kinds that wrk does not make: at a fixed rate, timed from when each request was
// meant to be sent; with bodies; with a new connection for each; and connections that stay after one request (`--idle
// N`).
//
// With `--gated` it prints `ready` once every connection has exchanged a request, and starts at a line on stdin; when
// done it prints its result and holds the connections until stdin ends. So whoever measures the server can look at it
// exactly before and after. With `--warm-up S` it prints `warm` when as many seconds of the load have passed, and
// counts from there.

#include "http/load.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <cstdio>
#include <string>

namespace {

void say(const char* word) {
    std::puts(word);
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

bench::http_plan read_plan(const bench::arguments& arguments) {
    bench::http_plan wanted;
    wanted.authority = arguments.text("--connect");
    const auto server = bench::parse_address(wanted.authority);
    if (!server) {
        arguments.misuse("'" + wanted.authority + "' is not an IPv4 address and port");
    }
    wanted.server = *server;
    if (arguments.has("--target")) {
        wanted.target = arguments.text("--target");
    }
    wanted.connections = static_cast<std::size_t>(arguments.number("--idle", arguments.number("--connections", 32)));
    wanted.seconds = arguments.number("--seconds", 5);
    wanted.warm_up = arguments.number("--warm-up", 0);
    wanted.rate = arguments.number("--rate", 0);
    wanted.body = static_cast<std::size_t>(arguments.number("--body", 0));
    wanted.close = arguments.has("--close");
    const long limit = bench::raise_descriptor_limit();
    if (wanted.connections + 16 > static_cast<std::size_t>(limit)) {
        arguments.misuse(std::to_string(wanted.connections) + " connections need a higher descriptor limit than " +
                         std::to_string(limit) + " (see `ulimit -Hn`)");
    }
    return wanted;
}

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{
        count,
        values,
        {.usage = "http_load --connect ADDR [--target PATH] [--connections N] [--warm-up S] [--seconds S] [--rate R] "
                  "[--body BYTES] "
                  "[--close] [--gated], or http_load --connect ADDR [--target PATH] --idle N",
         .options = {"--connect", "--target", "--connections", "--warm-up", "--seconds", "--rate", "--body", "--idle"},
         .flags = {"--close", "--gated"}}};
    bench::http_load load{read_plan(arguments)};
    load.prepare();

    if (arguments.has("--idle")) {
        say("ready");
        await_end_of_input();
        return 0;
    }
    if (arguments.has("--gated")) {
        say("ready");
        await_line();
    }
    load.run([] { say("warm"); });
    load.report();
    if (arguments.has("--gated")) {
        await_end_of_input();
    }
    return load.clean() ? 0 : 1;
}
