#include "origin/session.hpp"

#include "upstream/input.hpp"
#include <penstock/timeout.hpp>

#include <array>
#include <chrono>
#include <utility>

namespace origin {

using namespace penstock;
using namespace std::chrono_literals;
using tinygate::input;

namespace {

constexpr duration for_a_head = 10s;  // between two pieces of it; its size is bounded
constexpr duration for_the_end = 1s;  // that a client may take to read the last answer
constexpr std::size_t most_dropped = std::size_t{256} * 1024;

/// Receives until a head is complete or refused. \return incomplete if the client has left or is too slow.
task<http::progress> receive_head(net::stream& client, input& received, http::request_parser& parser) {
    for (;;) {
        const auto state = parser.parse(received.view());
        if (state != http::progress::incomplete) co_return state;
        result<lease> piece;
        if (received.empty()) {
            piece = co_await client.receive();
        } else {
            piece = co_await with_timeout(for_a_head, client.receive());
        }
        if (!piece || piece->empty()) co_return http::progress::incomplete;
        received.put(std::move(*piece));
    }
}

task<result<void>> drop_input(net::stream& client) {
    for (std::size_t dropped = 0; dropped < most_dropped;) {
        const auto piece = co_await client.receive();
        if (!piece || piece->empty()) break;
        dropped += piece->size();
    }
    co_return result<void>{};
}

/// A close with unread input would reset the connection, and the client might never see its answer.
task<> linger(net::stream& client) {
    const auto ended = co_await client.shutdown_send();
    if (!ended) co_return;
    static_cast<void>(co_await with_timeout(for_the_end, drop_input(client)));
}

}  // namespace

task<net::after> serve(site& here, net::stream& client) {
    input received;
    http::request_parser parser;
    answer next;
    do {
        parser.reset();
        const auto state = co_await receive_head(client, received, parser);
        if (state == http::progress::incomplete) co_return net::after::close;
        if (state == http::progress::complete) {
            here.answer_to(parser.head(), received.view(), next);
            received.consume(parser.size());
        } else {
            here.refuse(parser.failure().status, parser.failure().what, next);
        }
        const std::array slices{io_slice(next.head), io_slice(next.body)};
        // No `?:` in what is awaited: GCC 12 then loses the coroutine.
        if (!co_await client.send(slices)) co_return net::after::close;
        if (!next.keeps) {
            co_await linger(client);
            co_return net::after::close;
        }
    } while (!received.empty() || client.has_input());
    co_return net::after::idle;
}

}  // namespace origin
