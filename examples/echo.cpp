// echo ADDR [--backend NAME]: sends back what it receives, until Ctrl-C. ADDR is 127.0.0.1:7000, [::1]:0,
// unix:/path.
//
// A server is a listener, a coroutine that serves one connection, and a task that runs until it is cancelled.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <signal.h>

#include <cstdint>
#include <cstdio>

using namespace penstock;

// Called when bytes arrive on a connection, whether it is new or was idle. `received` is a lease on a pooled
// buffer: sending from it copies nothing, and the buffer goes back to the pool at the end of the round.
task<net::after> answer(net::stream& peer) {
    do {
        const result<lease> received = co_await peer.receive();
        if (!received || received->empty()) co_return net::after::close;  // an error, or the end
        if (!co_await peer.send(received->bytes())) co_return net::after::close;
    } while (peer.has_input());
    co_return net::after::idle;  // until more arrives, the connection owns neither a coroutine nor a buffer
}

task<int> echo(endpoint at) {
    auto ending = co_await watch_signals({SIGINT, SIGTERM});
    if (!ending) co_return example::complain("signals: " + ending.error().message(), example::misuse);
    auto listening = co_await net::listen(at);
    if (!listening) co_return example::complain(at.to_string() + ": " + listening.error().message(), example::misuse);
    if (const auto bound = co_await listening->local_endpoint()) at = *bound;  // says which port, if 0 was asked for
    const explanation& why = current_loop->explain();
    std::printf("listening on %s (%s: %s)\n", at.to_string().c_str(), why.chosen.c_str(), why.reason.c_str());
    std::fflush(stdout);

    constexpr net::serve_options options{.most_connections = SIZE_MAX};  // accepting pauses when descriptors run out
    // Whichever ends first cancels the other. Nothing outlives this line: sessions ended, connections were closed.
    const auto outcome = co_await when_any(net::serve(*listening, options, answer), ending->next());
    const result<void>& served = std::get<0>(outcome.values);
    co_return served ? 0 : example::complain("accepting on " + at.to_string() + ": " + served.error().message());
}

int main(int count, char** values) {
    const example::command_line line(count, values, "echo ADDR [--backend NAME]", 1, 1);
    const auto at = endpoint::parse(line.words[0]);
    if (!at) return example::complain(at.error().message, example::misuse);
    block_signals({SIGINT, SIGTERM});  // before any thread starts; from now on they are awaited
    return example::make_loop(line)->run(echo(*at));
}
