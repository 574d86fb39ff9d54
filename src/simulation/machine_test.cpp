// The simulated machine besides sockets: files, signals, jobs, events, bounds; and a loop that has one to itself.
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>
#include <penstock/simulation.hpp>

#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

namespace penstock::testing {
namespace {

loop& add_loop(simulation& to, loop_options options = {}) {
    auto made = to.add_loop(std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return **made;
}

/// Runs `body()`, which returns a task, on a machine of its own.
template <class Body>
simulation_statistics on_a_machine(const simulation_options& options, Body body) {
    simulation machine(options);
    machine.spawn(add_loop(machine), body());
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    return machine.statistics();
}

TEST(simulated_machine, keeps_files_that_a_test_can_write_and_read) {
    simulation machine;
    machine.write_file("/etc/motd", "hello");
    machine.spawn(add_loop(machine), []() -> task<> {
        auto motd = must(co_await fs::open("/etc/motd"));
        std::array<std::byte, 16> into{};
        EXPECT_EQ(must(co_await motd.read_at(into, 0)), 5U);
        auto log = must(co_await fs::open("/var/log", {.write = true, .create = true}));
        must(co_await log.write_all_at(std::as_bytes(std::span(std::string_view("a line"))), 0));
        const auto status = must(co_await log.status());
        EXPECT_EQ(status.type, fs::file_type::regular);
        EXPECT_EQ(status.size, 6U);
        EXPECT_EQ(status.mode, 0644U);
        auto folder = must(co_await fs::open("/etc"));
        EXPECT_EQ(must(co_await folder.status()).type, fs::file_type::directory);
    }());
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    EXPECT_EQ(machine.read_file("/var/log"), "a line");
    EXPECT_EQ(machine.read_file("/var/../var/./log"), "a line");
    EXPECT_FALSE(machine.read_file("/var/other").has_value());
}

TEST(simulated_machine, has_a_disk_of_a_size) {
    const auto figures = on_a_machine({.disk_space = 1000}, []() -> task<> {
        const std::string text = pattern(600);
        const auto bytes = std::as_bytes(std::span(text));
        auto file = must(co_await fs::open("/file", {.write = true, .create = true}));
        must(co_await file.write_all_at(bytes, 0));
        const auto more = co_await file.write_at(bytes, 600);
        EXPECT_TRUE(is_error(more, std::errc::no_space_on_device));
        must(co_await file.write_all_at(bytes, 300));  // grows by less
        const auto far = co_await file.write_at(bytes, std::uint64_t{1} << 60);
        EXPECT_TRUE(is_error(far, std::errc::no_space_on_device));
    });
    EXPECT_EQ(figures.disk_full, 2U);
}

TEST(simulated_machine, has_so_many_descriptors) {
    const auto figures = on_a_machine({.most_descriptors = 4}, []() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        auto one = must(co_await net::connect(at));
        auto two = must(co_await net::connect(at));
        const auto no_pipe = co_await make_pipe();  // one end would fit
        EXPECT_TRUE(is_error(no_pipe, std::errc::too_many_files_open));
        auto first = must(co_await door.accept());
        const auto three = co_await net::connect(at);
        EXPECT_TRUE(is_error(three, std::errc::too_many_files_open));
        const auto none = co_await with_timeout(1s, door.accept());  // pauses
        EXPECT_TRUE(is_error(none, std::errc::timed_out));
        EXPECT_GE(current_loop->statistics().accept_pauses, 1U);
        must(co_await one.close());
        auto second = must(co_await with_timeout(1s, door.accept()));
    });
    EXPECT_EQ(figures.most_descriptors, 4U);
    EXPECT_GE(figures.descriptors_short, 3U);
    EXPECT_EQ(figures.open_descriptors, 0U);
}

TEST(simulated_machine, raises_signals) {
    simulation machine;
    std::vector<int> seen;
    machine.spawn(add_loop(machine), [](std::vector<int>& numbers) -> task<> {
        auto watcher = must(co_await watch_signals({SIGTERM, SIGHUP}));
        for (int i = 0; i < 3; ++i) numbers.push_back(must(co_await watcher.next()).number);
        must(co_await watcher.close());
    }(seen));
    machine.raise(SIGHUP);  // stays pending until somebody watches; two of a kind are one
    machine.raise(SIGHUP);
    machine.raise(SIGUSR1);
    machine.schedule(machine.now() + 1s, [&] { machine.raise(SIGTERM); });
    machine.schedule(machine.now() + 2s, [&] { machine.raise(SIGHUP); });
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    EXPECT_EQ(seen, (std::vector<int>{SIGHUP, SIGTERM, SIGHUP}));
}

TEST(simulated_machine, has_scheduled_events_happen_in_their_order) {
    simulation machine;
    loop& l = add_loop(machine);
    std::vector<int> order;
    const time_point began = machine.now();
    machine.spawn(l, []() -> task<> { must(co_await sleep_for(1min)); }());
    machine.schedule(began + 2s, [&] { order.push_back(2); });
    machine.schedule(began + 1s, [&] {
        order.push_back(1);
        EXPECT_EQ(machine.now() - began, 1s);
    });
    machine.schedule(began + 3s, [&] { EXPECT_TRUE(l.post([&] { order.push_back(3); })); });
    machine.schedule(began + 2h, [&] { order.push_back(4); });
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

TEST(simulated_machine, has_events_happen_between_the_turns_of_a_loop_that_never_waits) {
    simulation machine;
    const time_point began = machine.now();
    int seen = 0;
    machine.spawn(add_loop(machine), [](const int& all) -> task<> { co_await until([&] { return all == 50; }); }(seen));
    for (int i = 1; i <= 50; ++i) {
        machine.schedule(began + i * 3us, [&, i] {
            EXPECT_EQ(current_loop, nullptr);
            EXPECT_GE(machine.now() - began, i * 3us);
            ++seen;
        });
    }
    EXPECT_EQ(machine.run(1s), simulation::end::done);
}

TEST(simulated_machine, runs_blocking_jobs_at_their_time_on_its_one_thread) {
    on_a_machine({.least_delay = 1ms, .most_delay = 5ms}, []() -> task<> {
        const auto here = std::this_thread::get_id();
        const time_point began = current_loop->read_clock();
        int calls = 0;
        const auto on = co_await run_blocking([&] {
            ++calls;
            return std::this_thread::get_id();
        });
        EXPECT_TRUE(must(on) == here);
        EXPECT_GE(current_loop->read_clock() - began, 1ms);
        const auto stopped = co_await cancelled_after(
            1, [](int& n) -> task<result<void>> { co_return co_await run_blocking([&n] { ++n; }); }(calls));
        EXPECT_TRUE(is_cancelled(stopped));  // withdrawn: no turn takes a millisecond
        EXPECT_EQ(calls, 1);
    });
}

TEST(simulated_machine, refuses_jobs_beyond_the_loops_bound) {
    simulation machine;
    machine.spawn(add_loop(machine, {.worker_queue = 2}), []() -> task<> {
        const auto job = []() -> task<result<void>> { co_return co_await run_blocking([] {}); };
        std::vector<task<result<void>>> jobs;
        for (int i = 0; i < 3; ++i) jobs.push_back(job());
        const auto ended = co_await when_all(std::move(jobs));
        EXPECT_TRUE(ended[0] && ended[1]);
        EXPECT_TRUE(is_error(ended[2], errc::queue_full));
    }());
    EXPECT_EQ(machine.run(1h), simulation::end::done);
}

TEST(simulated_machine, does_not_know_the_programs_descriptors) {
    on_a_machine({}, []() -> task<> {
        const auto r = co_await adopt(0, ownership::borrow);
        EXPECT_TRUE(is_error(r, std::errc::operation_not_supported));
        const auto& table = current_loop->explain().capabilities;
        EXPECT_TRUE(table.own_world);
        EXPECT_NE(table[op_kind::adopt].why.find("do not exist in the simulation"), std::string_view::npos);
    });
}

TEST(simulated_machine, holds_back_who_sends_more_than_fits) {
    on_a_machine({.socket_buffer = 1000}, []() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.send(pattern(1000)));
        const auto more = co_await with_timeout(1s, pair.near.send("x"));
        EXPECT_TRUE(is_error(more, std::errc::timed_out));
        EXPECT_EQ((co_await receive_exactly(pair.far, 1000)).size(), 1000U);
        must(co_await pair.near.send("x"));
    });
}

TEST(simulated_machine, gives_a_connect_up_that_nobody_answers) {
    on_a_machine({}, []() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0), {.backlog = 0}));
        const endpoint at = must(co_await door.local_endpoint());
        auto fits = must(co_await net::connect(at));
        const auto late = co_await net::connect(at);
        EXPECT_TRUE(is_error(late, std::errc::timed_out));
        const auto nowhere = co_await net::connect(endpoint::parse("192.0.2.1:80").value());
        EXPECT_TRUE(is_error(nowhere, std::errc::network_unreachable));
    });
}

TEST(simulated_machine, is_one_for_its_loops_but_each_simulation_has_its_own) {
    simulation one;
    simulation other;
    const endpoint at = endpoint::loopback(80);
    const auto hold = [](endpoint where) -> task<> {
        auto door = must(co_await net::listen(where));
        must(co_await sleep_for(1s));
    };
    const auto be_late = [](endpoint where) -> task<> {
        must(co_await sleep_for(500ms));
        const auto r = co_await net::listen(where);
        EXPECT_TRUE(is_error(r, std::errc::address_in_use));
    };
    one.spawn(add_loop(one), hold(at));
    one.spawn(add_loop(one), be_late(at));
    other.spawn(add_loop(other), hold(at));
    EXPECT_EQ(one.run(1h), simulation::end::done);
    EXPECT_EQ(other.run(1h), simulation::end::done);
}

TEST(simulated_machine, rethrows_what_a_task_throws) {
    simulation machine;
    machine.spawn(add_loop(machine), []() -> task<> {
        must(co_await sleep_for(1s));
        throw std::runtime_error("out of the task");
    }());
    EXPECT_THROW(static_cast<void>(machine.run(1h)), std::runtime_error);
}

TEST(simulated_machine, ends_what_goes_on_when_it_ends) {
    std::string how;
    {
        simulation machine;
        machine.spawn(add_loop(machine), [](std::string& said) -> task<> {
            auto pair = co_await connected();
            const auto r = co_await pair.far.receive();
            said = r ? "received" : r.error() == std::errc::operation_canceled ? "cancelled" : "failed";
        }(how));
        machine.spawn(add_loop(machine), []() -> task<> { must(co_await sleep_for(1ms)); }());
        EXPECT_EQ(machine.run(1h), simulation::end::stuck);
        machine.schedule(machine.now() + 1s, [&] { ADD_FAILURE() << "after the end"; });
    }
    EXPECT_EQ(how, "cancelled");
}

TEST(simulated_machine, need_not_run_at_all) {
    simulation machine;
    machine.spawn(add_loop(machine), []() -> task<> {
        ADD_FAILURE();
        co_return;
    }());
}

// --- A loop that has a machine to itself
// ------------------------------------------------------------------------------

task<int> talk_and_wait() {
    auto pair = co_await connected();
    must(co_await pair.near.send("x"));
    EXPECT_EQ(co_await receive_exactly(pair.far, 1), "x");
    must(co_await sleep_for(24h));
    co_return 7;
}

TEST(simulated_backend, is_had_by_name_with_a_seed) {
    for (const char* name : {"simulated", "simulated:1", "simulated:18446744073709551615"}) {
        auto made = loop::create({.backend = name});
        ASSERT_TRUE(made) << name;
        EXPECT_EQ((*made)->explain().chosen, name);
        EXPECT_EQ((*made)->run(talk_and_wait()), 7);
    }
    for (const char* name : {"simulated:x", "simulated:", "simulated:1:2", "simulated:-1", "epoll:7"}) {
        const auto made = loop::create({.backend = name});
        ASSERT_FALSE(made) << name;
        EXPECT_EQ(made.error().code, std::errc::invalid_argument) << name;
    }
}

TEST(simulated_backend, tells_a_deadline_made_outside_by_its_own_time) {
    const auto l = loop::create({.backend = "simulated"});
    ASSERT_TRUE(l);
    const auto nothing = []() -> task<result<void>> { co_return co_await sleep_for(1h); };
    EXPECT_TRUE(is_error((*l)->run(with_timeout(30min, nothing())), std::errc::timed_out));
    EXPECT_TRUE(succeeds((*l)->run(with_timeout(2h, nothing()))));
}

}  // namespace
}  // namespace penstock::testing
