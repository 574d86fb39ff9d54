// What happens to datagrams on a simulated machine: lost, doubled, overtaken, and no more of them than fit.
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>
#include <penstock/simulation.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace penstock::testing {
namespace {

constexpr int sent = 200;

struct outcome {
    std::vector<int> came;
    simulation_statistics figures;
    std::uint64_t hash;
};

task<> receive_all(net::datagram_socket& from, std::vector<int>& into) {
    std::string text(64, '\0');
    for (;;) {
        const auto got = co_await with_timeout(1s, from.receive(std::as_writable_bytes(std::span(text))));
        if (!got) co_return;
        into.push_back(std::stoi(text.substr(0, got->size)));
    }
}

task<> send_and_receive(std::vector<int>& came, bool receive_late) {
    auto far = must(co_await net::bind_datagram(endpoint::loopback(0)));
    auto near = must(co_await net::connect_datagram(must(co_await far.local_endpoint())));
    co_await with_scope([&](scope& s) -> task<> {
        if (!receive_late) spawn(s, receive_all(far, came));
        for (int i = 0; i < sent; ++i) must(co_await near.send(std::to_string(i)));
        if (receive_late) {
            static_cast<void>(co_await sleep_for(1s));
            spawn(s, receive_all(far, came));
        }
        co_await s.join();
    });
}

outcome play(const simulation_options& options, bool receive_late = false) {
    simulation machine(options);
    auto made = machine.add_loop({});
    if (!made) throw std::runtime_error(made.error().message);
    outcome o;
    machine.spawn(**made, send_and_receive(o.came, receive_late));
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    o.figures = machine.statistics();
    o.hash = machine.trace_hash();
    return o;
}

TEST(simulated_datagrams, all_arrive_in_order_on_a_calm_day) {
    const outcome o = play({});
    EXPECT_EQ(o.came.size(), std::size_t{sent});
    EXPECT_TRUE(std::ranges::is_sorted(o.came));
    EXPECT_EQ(o.figures.datagrams_dropped, 0U);
    EXPECT_EQ(o.figures.open_descriptors, 0U);
}

TEST(simulated_datagrams, are_lost_doubled_and_overtaken_as_the_seed_decides) {
    const outcome lossy = play({.seed = 3, .faults = {.lost_datagram = 100}});
    EXPECT_GT(lossy.figures.injected.lost_datagram, 5U);
    EXPECT_EQ(lossy.came.size(), sent - lossy.figures.injected.lost_datagram);

    const outcome doubled = play({.seed = 3, .faults = {.doubled_datagram = 100}});
    EXPECT_GT(doubled.figures.injected.doubled_datagram, 5U);
    EXPECT_EQ(doubled.came.size(), sent + doubled.figures.injected.doubled_datagram);

    const simulation_options slow{.seed = 3, .least_delay = 1us, .most_delay = 300us};
    const outcome overtaken = play(slow);
    EXPECT_EQ(overtaken.came.size(), std::size_t{sent});
    EXPECT_FALSE(std::ranges::is_sorted(overtaken.came));
    EXPECT_EQ(overtaken.hash, play(slow).hash);
}

TEST(simulated_datagrams, beyond_the_receivers_queue_are_dropped_and_counted) {
    const outcome o = play({.socket_buffer = 100}, true);
    EXPECT_GT(o.figures.datagrams_dropped, 0U);
    EXPECT_EQ(o.came.size(), sent - o.figures.datagrams_dropped);
    EXPECT_TRUE(std::ranges::is_sorted(o.came)) << "the first of them had room";
}

}  // namespace
}  // namespace penstock::testing
