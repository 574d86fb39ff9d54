// udp-echo ADDR [--backend NAME]: sends back each datagram that it receives, until Ctrl-C. ADDR is 127.0.0.1:7000,
// [::1]:0, unix:/path.
//
// Where the kernel can, datagrams of a sender that come one after the other are received together, and their answers
// leave together: as many as 64 for two calls.
#include "command_line.hpp"
#include <penstock/penstock.hpp>

#include <signal.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <span>

using namespace penstock;

task<result<void>> answer_all(net::datagram_socket& at) {
    static std::array<std::byte, 65536> memory;  // the longest datagram, or many that came together
    for (;;) {
        const result<net::datagram> came = co_await at.receive(memory);
        if (!came) co_return std::unexpected(came.error());
        if (came->from.family() == address_family::none) continue;  // a Unix socket without a path can't be answered
        const std::span<const std::byte> bytes = std::span(memory).first(came->size);
        // Of one datagram `segment` is 0. That an answer can't be sent concerns nobody but its receiver.
        static_cast<void>(co_await at.send_segments(bytes, came->segment, came->from));
    }
}

task<int> echo(endpoint where) {
    auto ending = co_await watch_signals({SIGINT, SIGTERM});
    if (!ending) co_return example::complain("signals: " + ending.error().message(), example::misuse);
    auto at = co_await net::bind_datagram(where, {.join_segments = true});
    if (!at) co_return example::complain(where.to_string() + ": " + at.error().message(), example::misuse);
    if (const auto bound = co_await at->local_endpoint()) where = *bound;  // says which port, if 0 was asked for
    const explanation& why = current_loop->explain();
    std::printf("listening on %s (%s: %s)\n", where.to_string().c_str(), why.chosen.c_str(), why.reason.c_str());
    std::fflush(stdout);

    const auto outcome = co_await when_any(answer_all(*at), ending->next());  // whichever ends first cancels the other
    const auto& answered = std::get<0>(outcome.values);
    const bool failed = !answered && answered.error() != std::errc::operation_canceled;
    co_return failed ? example::complain(where.to_string() + ": " + answered.error().message()) : 0;
}

int main(int count, char** values) {
    const example::command_line line(count, values, "udp-echo ADDR [--backend NAME]", 1, 1);
    const auto at = endpoint::parse(line.words[0]);
    if (!at) return example::complain(at.error().message, example::misuse);
    block_signals({SIGINT, SIGTERM});  // before any thread starts; from now on they are awaited
    return example::make_loop(line)->run(echo(*at));
}
