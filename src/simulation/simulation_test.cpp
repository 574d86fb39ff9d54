#include <penstock/simulation.hpp>

#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::testing {
namespace {

loop& add_loop(simulation& to, loop_options options = {}) {
    auto made = to.add_loop(std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return **made;
}

// Answers what comes, over as many connections as there are.
task<> serve_echo(endpoint at, int connections) {
    auto door = must(co_await net::listen(at));
    co_await with_scope([&](scope& s) -> task<> {
        for (int i = 0; i < connections; ++i) s.spawn(guarded(echo(must(co_await door.accept()))));
        co_await s.join();
    });
    must(co_await door.close());
}

/// Until somebody listens there.
task<net::stream> connect_sometime(endpoint to) {
    for (;;) {
        auto made = co_await net::connect(to);
        if (made) co_return std::move(*made);
        EXPECT_TRUE(is_error(made, std::errc::connection_refused));
        must(co_await sleep_for(1ms));
    }
}

task<> ask(endpoint to, std::size_t size, int rounds) {
    auto s = co_await connect_sometime(to);
    for (int i = 0; i < rounds; ++i) {
        const std::string text = pattern(size, static_cast<unsigned>(i));
        const auto [sent, got] = co_await when_all(send_to(s, text), receive_exactly(s, size));
        EXPECT_TRUE(succeeds(sent));
        EXPECT_TRUE(same_bytes(got, text));
    }
    must(co_await s.close());
}

const endpoint server_address = endpoint::loopback(8080);

TEST(simulation, several_loops_talk_on_one_thread) {
    simulation machine({.seed = 1, .least_delay = 10us, .most_delay = 2ms});
    machine.spawn(add_loop(machine), serve_echo(server_address, 3));
    for (int i = 0; i < 3; ++i) machine.spawn(add_loop(machine), ask(server_address, 100'000, 5));
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    EXPECT_EQ(machine.statistics().open_descriptors, 0U);
    EXPECT_EQ(machine.statistics().connections, 3U);
}

TEST(simulation, an_hour_passes_at_once) {
    simulation machine;
    machine.spawn(add_loop(machine), []() -> task<> {
        const time_point before = current_loop->read_clock();
        must(co_await sleep_for(1h));
        EXPECT_GE(current_loop->read_clock() - before, 1h);
    }());
    const auto before = std::chrono::steady_clock::now();
    EXPECT_EQ(machine.run(2h), simulation::end::done);
    EXPECT_LT(std::chrono::steady_clock::now() - before, 10s);
}

task<> wait_for_nobody() {
    auto pair = co_await connected();
    const auto received = co_await pair.far.receive();
    EXPECT_TRUE(is_cancelled(received));
}

TEST(simulation, that_can_never_go_on_is_stuck) {
    simulation machine;
    machine.spawn(add_loop(machine), wait_for_nobody());
    EXPECT_EQ(machine.run(1h), simulation::end::stuck);
    EXPECT_LT(machine.now() - time_point(), 48h);
}

TEST(simulation, that_takes_too_long_ends_at_its_limit_and_can_go_on) {
    simulation machine;
    const time_point began = machine.now();
    machine.spawn(add_loop(machine), []() -> task<> { must(co_await sleep_for(1h)); }());
    EXPECT_EQ(machine.run(30min), simulation::end::time_limit);
    EXPECT_EQ(machine.now() - began, 30min);
    EXPECT_EQ(machine.run(31min), simulation::end::done);
}

}  // namespace
}  // namespace penstock::testing
