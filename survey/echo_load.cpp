#include "echo_load.hpp"

#include "echo_server.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace survey {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr duration warm_up = 200ms;
constexpr duration between_reports = 100ms;

struct load {
    endpoint server;
    bool measuring = false;
    std::uint64_t messages = 0;                 ///< all that came back, measured or not
    std::vector<std::uint32_t> round_trips_ns;  ///< while measuring
    std::string failure;                        ///< the first
};

using message = std::array<char, message_size>;

/// A message like no other, so that a byte lost or crossed over between connections shows.
void fill(message& m, int connection, std::uint64_t round) {
    for (std::size_t i = 0; i < m.size(); ++i) {
        m[i] = static_cast<char>(round * 7 + static_cast<std::uint64_t>(connection) * 31 + i);
    }
}

/// One connection, until it is cancelled or fails.
task<result<void>> talk(load& all, int number) {
    auto peer = co_await net::connect(all.server);
    if (!peer) co_return fail(peer.error());
    message sent;
    for (std::uint64_t round = 0;; ++round) {
        fill(sent, number, round);
        const time_point start = clock::now();
        const auto done = co_await peer->send(std::string_view(sent.data(), sent.size()));
        if (!done) co_return done;
        for (std::size_t back = 0; back < sent.size();) {
            const auto received = co_await peer->receive();
            if (!received) co_return fail(received.error());
            if (received->empty()) co_return fail(errc::unexpected_end);
            if (std::memcmp(received->data(), sent.data() + back, std::min(received->size(), sent.size() - back)) !=
                0) {
                co_return fail(std::errc::bad_message);
            }
            back += received->size();
        }
        ++all.messages;
        if (all.measuring) {
            const auto took = std::chrono::nanoseconds(clock::now() - start).count();
            all.round_trips_ns.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(took, UINT32_MAX)));
        }
    }
}

task<> talk_and_tell(load& all, int number) {
    const auto ended = co_await talk(all, number);
    const bool cancelled = ended.error() == std::errc::operation_canceled;
    if (!cancelled && all.failure.empty()) all.failure = "a connection: " + ended.error().message();
}

/// Lets time pass, telling how much of it has.
task<result<void>> measure_for(load& all, duration length, progress tell) {
    const std::uint64_t before = all.messages;
    const time_point start = clock::now();
    for (duration passed{0}; passed < length; passed = clock::now() - start) {
        tell(static_cast<double>(passed.count()) / static_cast<double>(length.count()), all.messages - before);
        const auto slept = co_await sleep_for(std::min(between_reports, length - passed));
        if (!slept) co_return slept;
        if (!all.failure.empty()) co_return fail(std::errc::protocol_error);
    }
    co_return result<void>{};
}

double p99_us(std::vector<std::uint32_t>& values) {
    if (values.empty()) return 0;
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(values.size() * 99 / 100);
    std::nth_element(values.begin(), at, values.end());
    return *at / 1000.0;
}

/// Fills in the figures, or says why there are none.
task<std::expected<void, std::string>> measure(measured& m, load& all, echo_server& server, duration length,
                                               progress tell) {
    const std::string stopped = "stopped";  // on purpose, or because of what is in all.failure
    if (!co_await sleep_for(warm_up)) co_return std::unexpected(stopped);
    const auto before = co_await server.figures();
    if (!before) co_return std::unexpected(before.error());
    const time_point start = clock::now();
    all.measuring = true;
    if (!co_await measure_for(all, length, tell)) co_return std::unexpected(stopped);
    all.measuring = false;
    const auto after = co_await server.figures();
    if (!after) co_return std::unexpected(after.error());
    const double seconds = std::chrono::duration<double>(clock::now() - start).count();

    const auto messages = static_cast<double>(after->messages - before->messages);
    if (messages == 0) co_return std::unexpected<std::string>("no message came back");
    m.cpu_us = static_cast<double>(after->cpu_ns - before->cpu_ns) / 1000 / messages;
    m.enters = static_cast<double>(after->enters - before->enters) / messages;
    m.per_second = messages / seconds;
    m.p99_us = p99_us(all.round_trips_ns);
    co_return std::expected<void, std::string>{};
}

}  // namespace

task<measured> measure_echo(std::string backend, duration length, int server_processor, progress tell) {
    measured m;
    m.backend = backend;
    echo_server server;
    const auto at = co_await server.start(backend, server_processor);
    if (!at) {
        m.failure = at.error();
        co_return m;
    }
    load all;
    all.server = *at;
    all.round_trips_ns.reserve(1 << 20);
    co_await with_scope([&](scope& children) -> task<> {
        for (int i = 0; i < connections; ++i) children.spawn(talk_and_tell(all, i));
        const auto done = co_await measure(m, all, server, length, tell);
        if (!all.failure.empty()) {
            m.failure = all.failure;
        } else if (!done) {
            m.failure = done.error();
        }
    });
    co_return m;
}

}  // namespace survey
