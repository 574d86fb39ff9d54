// forwarder ADDR TO [--backend NAME]: forwards every connection to ADDR to TO, any number at once, until Ctrl-C.
//
// The forwarders of models/ move bytes between two sockets, each by one mechanism; this is the same loop n to n, on
// any.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <signal.h>

using namespace penstock;
using namespace std::chrono_literals;

struct connected {
    net::stream client, server;
    int ended = 0;  // directions that came to an end in order
};

// One direction. The lease is sent from where the bytes were received, so nothing is copied here.
task<> pass_on(net::stream& from, net::stream& to, connected& pair, scope& both) {
    for (;;) {
        const result<lease> received = co_await from.receive();
        if (!received) break;
        if (received->empty()) {
            const result<void> told = co_await to.shutdown_send();  // the other direction goes on: an answer may follow
            if (told) ++pair.ended;
            co_return;
        }
        const result<void> sent = co_await to.send(received->bytes());
        if (!sent) break;
    }
    both.cancel();
}

// Both directions run beside each other. The scope ends when both have; until then both streams are open.
task<> forward(net::stream client, endpoint target) {
    auto server = co_await net::connect(target);
    if (!server) example::complain(target.to_string() + ": " + server.error().message());
    if (!server) co_return;
    connected pair{.client = std::move(client), .server = std::move(*server)};
    // Whatever ends the pair early closes it with a reset, so that what was cut short does not look complete.
    for (net::stream* each : {&pair.client, &pair.server}) co_await each->set_option(net::socket_option::linger, 0);
    co_await with_scope([&](scope& both) -> task<> {
        both.spawn(pass_on(pair.client, pair.server, pair, both));
        both.spawn(pass_on(pair.server, pair.client, pair, both));
        co_await both.join();
    });
    if (pair.ended < 2) co_return;
    for (net::stream* each : {&pair.client, &pair.server}) co_await each->set_option(net::socket_option::linger, -1);
}

task<std::error_code> accept_all(net::listener& from, endpoint target, scope& pairs) {
    for (;;) {
        auto client = co_await from.accept();
        if (client) pairs.spawn(forward(std::move(*client), target));
        if (client) continue;
        if (client.error() != errc::too_many_blocked_operations) co_return client.error();
        static_cast<void>(co_await sleep_for(100ms));  // a bound of blocking threads; it passes as pairs end
    }
}

task<int> run(endpoint at, endpoint target) {
    auto ending = co_await watch_signals({SIGINT, SIGTERM});
    if (!ending) co_return example::complain("signals: " + ending.error().message(), example::misuse);
    auto door = co_await net::listen(at);
    if (!door) co_return example::complain(at.to_string() + ": " + door.error().message(), example::misuse);
    if (const auto bound = co_await door->local_endpoint()) at = *bound;
    std::printf("listening on %s (%s)\n", at.to_string().c_str(), current_loop->explain().line().c_str());
    std::fflush(stdout);
    // Leaving the scope cancels the pairs that are left and waits for them.
    co_return co_await with_scope([&](scope& pairs) -> task<int> {
        const auto outcome = co_await when_any(accept_all(*door, target, pairs), ending->next());
        co_return outcome.first == 1 ? 0 : example::complain("accept: " + std::get<0>(outcome.values).message());
    });
}

int main(int count, char** values) {
    const example::command_line line(count, values, "forwarder ADDR TO [--backend NAME]", 2, 2);
    const auto at = endpoint::parse(line.words[0]), target = endpoint::parse(line.words[1]);
    if (!at || !target) return example::complain((at ? target : at).error().message, example::misuse);
    block_signals({SIGINT, SIGTERM});
    return example::make_loop(line)->run(run(*at, *target));
}
