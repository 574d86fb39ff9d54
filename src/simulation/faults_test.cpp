// Each kind of fault happens and can be lived with; each mutant does what it says.
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>
#include <penstock/simulation.hpp>

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace penstock::testing {
namespace {

loop& add_loop(simulation& to, loop_options options = {}) {
    auto made = to.add_loop(std::move(options));
    if (!made) throw std::runtime_error(made.error().message);
    return **made;
}

const endpoint server_address = endpoint::loopback(8080);

// --- What goes on under faults: everybody tries until it has worked --------------------------------------------------

template <class T>
void expect_one_of(const result<T>& r, std::initializer_list<std::errc> allowed) {
    if (r) return;
    for (const std::errc each : allowed) {
        if (r.error() == each) return;
    }
    ADD_FAILURE() << r.error().message();
}

constexpr auto broken = {std::errc::connection_reset, std::errc::broken_pipe, std::errc::connection_refused,
                         std::errc::operation_canceled, std::errc::too_many_files_open};

// Sends back what comes; a connection that breaks is not missed.
task<> serve_one(net::stream s) {
    for (;;) {
        const auto piece = co_await s.receive();
        expect_one_of(piece, broken);
        if (!piece || piece->empty()) co_return;
        const auto sent = co_await s.send(piece->bytes());
        expect_one_of(sent, broken);
        if (!sent) co_return;
    }
}

task<> serve(endpoint at) {
    std::optional<net::listener> door;
    while (!door) {
        auto made = co_await net::listen(at);
        expect_one_of(made, broken);
        if (made) door.emplace(std::move(*made));
    }
    co_await with_scope([&](scope& s) -> task<> {
        for (;;) {
            auto next = co_await door->accept();
            if (!next) co_return;
            s.spawn(guarded(serve_one(std::move(*next))));
        }
    });
    must(co_await door->close());
}

task<bool> ask_once(endpoint to, const std::string& text) {
    auto made = co_await net::connect(to);
    expect_one_of(made, broken);
    if (!made) co_return false;
    std::string got;
    const auto sent = co_await made->send(std::string_view(text));
    expect_one_of(sent, broken);
    if (!sent) co_return false;
    while (got.size() < text.size()) {
        const auto piece = co_await made->receive();
        expect_one_of(piece, broken);
        if (!piece || piece->empty()) co_return false;
        got += piece->text();
    }
    EXPECT_TRUE(same_bytes(got, text));
    co_return true;
}

task<> ask(endpoint to, int rounds, loop& server) {
    for (int i = 0; i < rounds;) {
        const bool worked = co_await ask_once(to, pattern(3000, static_cast<unsigned>(i)));
        if (worked) ++i;
        if (!worked) must(co_await sleep_for(1ms));
    }
    server.request_stop();
}

// Writes a file, piece by piece, and reads it again; what fails is tried again.
task<> keep_a_file(int rounds) {
    std::optional<fs::file> file;
    while (!file) {
        auto made = co_await fs::open("/var/file", {.write = true, .create = true});
        expect_one_of(made, {std::errc::too_many_files_open});
        if (made) file.emplace(std::move(*made));
    }
    static constexpr auto allowed = {std::errc::io_error, std::errc::no_space_on_device};
    for (int i = 0; i < rounds; ++i) {
        const std::string text = pattern(1000, static_cast<unsigned>(i));
        std::size_t done = 0;
        while (done < text.size()) {
            const auto n = co_await file->write_at(std::as_bytes(std::span(text)).subspan(done), done);
            expect_one_of(n, allowed);
            done += n.value_or(0);
        }
        std::string got(1000, '\0');
        for (done = 0; done < got.size();) {
            const auto n = co_await file->read_at(std::as_writable_bytes(std::span(got)).subspan(done), done);
            expect_one_of(n, allowed);
            done += n.value_or(0);
        }
        EXPECT_TRUE(same_bytes(got, text));
    }
}

struct outcome {
    simulation::end end;
    simulation_statistics figures;
    std::uint64_t hash;
    std::string trace;
};

outcome play(const simulation_options& options) {
    simulation machine(options);
    loop& server = add_loop(machine, {.buffers = {.buffer_size = 512, .count = 8}});
    machine.spawn(server, serve(server_address));
    machine.spawn(add_loop(machine, {.buffers = {.buffer_size = 256, .count = 4}}), ask(server_address, 20, server));
    machine.spawn(add_loop(machine), keep_a_file(20));
    const simulation::end how = machine.run(1h);
    return {how, machine.statistics(), machine.trace_hash(), machine.trace()};
}

struct kind {
    const char* name;
    unsigned simulation_faults::* which;
};
constexpr kind kinds[] = {
    {"short_transfer", &simulation_faults::short_transfer},
    {"interrupted", &simulation_faults::interrupted},
    {"again", &simulation_faults::again},
    {"reset", &simulation_faults::reset},
    {"delay", &simulation_faults::delay},
    {"reorder", &simulation_faults::reorder},
    {"no_space", &simulation_faults::no_space},
    {"io_error", &simulation_faults::io_error},
    {"too_many_files", &simulation_faults::too_many_files},
};

TEST(simulation_faults, happen_only_when_asked_for) {
    const outcome calm = play({});
    EXPECT_EQ(calm.end, simulation::end::done);
    for (const kind& each : kinds) EXPECT_EQ(calm.figures.injected.*each.which, 0U) << each.name;
    EXPECT_EQ(calm.figures.open_descriptors, 0U);
}

TEST(simulation_faults, of_each_kind_happen_and_can_be_lived_with) {
    for (const kind& each : kinds) {
        unsigned happened = 0;
        for (std::uint64_t seed = 1; seed <= 10; ++seed) {
            simulation_options options{.seed = seed, .least_delay = 1us, .most_delay = 300us};
            options.faults.*each.which = 100;
            const outcome o = play(options);
            EXPECT_EQ(o.end, simulation::end::done) << each.name << ' ' << seed;
            happened += o.figures.injected.*each.which;
            EXPECT_EQ(o.figures.open_descriptors, 0U) << each.name << ' ' << seed;
        }
        EXPECT_GT(happened, 10U) << each.name;
    }
}

simulation_faults all_of_them() {
    simulation_faults all;
    for (const kind& each : kinds) all.*each.which = 30;
    return all;
}

TEST(simulation_faults, all_at_once_can_be_lived_with) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const outcome o = play({.seed = seed, .faults = all_of_them(), .most_delay = 1ms});
        EXPECT_EQ(o.end, simulation::end::done) << seed;
        EXPECT_EQ(o.figures.open_descriptors, 0U) << seed;
    }
}

TEST(simulation_trace, of_the_same_seed_is_the_same_byte_for_byte) {
    const simulation_options options{.seed = 42, .faults = all_of_them(), .most_delay = 1ms, .keep_trace = true};
    const outcome first = play(options);
    const outcome second = play(options);
    EXPECT_FALSE(first.trace.empty());
    EXPECT_EQ(first.hash, second.hash);
    EXPECT_TRUE(same_bytes(first.trace, second.trace));
}

TEST(simulation_trace, of_another_seed_is_another) {
    simulation_options options{.seed = 42, .most_delay = 1ms};
    const outcome first = play(options);
    options.seed = 43;
    EXPECT_NE(first.hash, play(options).hash);
}

TEST(simulation_trace, has_the_same_hash_whether_its_text_is_kept_or_not) {
    simulation_options options{.seed = 7, .most_delay = 1ms};
    const outcome without = play(options);
    options.keep_trace = true;
    options.trace_limit = 10'000;
    const outcome with = play(options);
    EXPECT_EQ(without.hash, with.hash);
    EXPECT_EQ(without.trace, "");
    EXPECT_GT(with.trace.size(), 4000U);
    EXPECT_LE(with.trace.size(), 10'200U);
}

// --- Mutants -----------------------------------------------------------------------------------------------------

simulation_options mutated(simulation_mutant by) { return {.most_delay = 1ms, .mutant = by, .mutant_chance = 1000}; }

task<> say_and_hear(std::string& heard) {
    auto pair = co_await connected();
    const auto [sent, piece] = co_await when_all(send_to(pair.near, "hello"), receive_from(pair.far));
    if (piece) heard = piece->text();
}

TEST(simulation_mutant, a_dropped_completion_is_stuck) {
    simulation machine(mutated(simulation_mutant::dropped_completion));
    std::string heard;
    machine.spawn(add_loop(machine), say_and_hear(heard));
    EXPECT_EQ(machine.run(1h), simulation::end::stuck);
    EXPECT_GT(machine.statistics().mutations, 0U);
}

TEST(simulation_mutant, a_lost_wake_up_is_stuck) {
    simulation machine(mutated(simulation_mutant::lost_wake_up));
    std::string heard;
    machine.spawn(add_loop(machine), say_and_hear(heard));
    EXPECT_EQ(machine.run(1h), simulation::end::stuck);
}

TEST(simulation_mutant, a_duplicated_byte_is_received) {
    simulation machine(mutated(simulation_mutant::duplicated_byte));
    std::string heard;
    machine.spawn(add_loop(machine), say_and_hear(heard));
    EXPECT_EQ(machine.run(1h), simulation::end::done);
    EXPECT_EQ(heard, "hhello");
}

TEST(simulation_mutant, a_leaked_lease_is_missing_in_the_pool) {
    for (const bool leaks : {false, true}) {
        simulation machine(mutated(leaks ? simulation_mutant::leaked_lease : simulation_mutant::none));
        loop& l = add_loop(machine);
        std::string heard;
        machine.spawn(l, say_and_hear(heard));
        EXPECT_EQ(machine.run(1h), simulation::end::done);
        EXPECT_EQ(heard, "hello");
        EXPECT_EQ(l.statistics().buffers.in_use, leaks ? 1 : 0);
    }
}

TEST(simulation_mutant, a_swallowed_cancel_is_stuck) {
    simulation machine(mutated(simulation_mutant::swallowed_cancel));
    machine.spawn(add_loop(machine), []() -> task<> {
        auto pair = co_await connected();
        const auto r = co_await with_timeout(1s, pair.far.receive());  // leaves a receive behind
        EXPECT_TRUE(is_error(r, std::errc::timed_out));
        must(co_await pair.far.close());  // which this cancels
    }());
    EXPECT_EQ(machine.run(1h), simulation::end::stuck);
}

}  // namespace
}  // namespace penstock::testing
