#include "listener/gate.hpp"

#include "listener/station.hpp"
#include <penstock/runtime.hpp>
#include <penstock/scope.hpp>
#include <penstock/signals.hpp>
#include <penstock/sleep.hpp>

#include <signal.h>  // NOLINT(modernize-deprecated-headers): sigset functions and numbers are POSIX's
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tinygate {

using namespace penstock;

namespace {

// Only `threads` has a bound of its own on what may wait: 3/4 of this, so some 1,500 clients and as many upstream
// connections for each worker. Threads are started when needed.
constexpr std::uint32_t most_threads = 4096;

/// What a shell allows (often 1024) is for programs that use select(); the hard limit is what was meant. \return it.
std::size_t raise_descriptor_limit() {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const ::rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

/// Clients that were let in without a descriptor left for their upstream would only be told 503; so they wait outside.
bounds fitting(bounds wanted, std::size_t descriptors) {
    // Rings, listeners, the log, and what is just being closed; transfer() does without pipes if it must.
    const std::size_t own = 32 + descriptors / 16;
    const std::size_t each = std::max<std::size_t>(8, (descriptors - std::min(descriptors, own)) / 2);
    wanted.connections = std::min(wanted.connections, each);
    wanted.upstream_idle = std::min(wanted.upstream_idle, each);
    return wanted;
}

/// The index of each loop, which work for all of them needs.
std::size_t index_of(runtime& engine, const loop& l) {
    for (std::size_t i = 0; i < engine.size(); ++i) {
        if (&engine.loop(i) == &l) return i;
    }
    return 0;
}

/// A station for each loop, at its index; empty where there is none yet or any more. Each loop's thread touches its
/// own.
using stations = std::vector<std::unique_ptr<station>>;

void tell_those_left(runtime& engine, const stations& all, void (station::*what)() noexcept, std::vector<bool>& told) {
    for (std::size_t i = 0; i < engine.size(); ++i) {
        if (told[i]) continue;
        told[i] = engine.loop(i).post([&all, i, what] {
            if (all[i] != nullptr) ((*all[i]).*what)();  // it may have ended since
        });
    }
}

/// Tells every station, each on its loop.
task<> tell_all(runtime& engine, const stations& all, void (station::*what)() noexcept) {
    std::vector<bool> told(engine.size());
    for (;;) {
        tell_those_left(engine, all, what, told);
        if (std::ranges::find(told, false) == told.end()) co_return;
        const auto slept = co_await sleep_for(std::chrono::milliseconds(1));  // what was posted before is run meanwhile
        if (!slept) co_return;
    }
}

/// Tells every station when a signal asks for the end; a second one ends at once.
task<> await_the_end(runtime& engine, const stations& all, signals& ending) {
    const auto first = co_await ending.next();
    if (!first) co_return;
    std::printf("tinygate: draining; again to stop at once\n");
    std::fflush(stdout);
    co_await tell_all(engine, all, &station::stop);
    const auto second = co_await ending.next();
    if (!second) co_return;
    co_await tell_all(engine, all, &station::abandon);
}

void print_start(const options& asked, const std::vector<endpoint>& bound, runtime& engine) {
    std::string where;
    for (const endpoint& at : bound) where += (where.empty() ? "" : ", ") + at.to_string();
    std::string targets;
    for (const endpoint& to : asked.to) targets += (targets.empty() ? "" : ", ") + to.to_string();
    std::printf("tinygate: listening on %s, for %s; %zu worker%s on %s\n", where.c_str(), targets.c_str(),
                engine.size(), engine.size() == 1 ? "" : "s", engine.loop(0).explain().line().c_str());
    std::fflush(stdout);
}

/// One worker after the other, so that all get the port that the first was given.
std::expected<void, setup_error> bind_all(runtime& engine, const options& asked, std::vector<endpoint>& addresses,
                                          stations& all, std::atomic<std::size_t>& still_open) {
    std::expected<void, setup_error> bound;
    for (std::size_t turn = 0; turn < engine.size() && bound; ++turn) {
        static_cast<void>(engine.run([&](loop& l) -> task<> {
            if (index_of(engine, l) != turn) co_return;
            all[turn] = std::make_unique<station>(asked, still_open);
            bound = co_await all[turn]->bind(addresses, turn == 0);
        }));
    }
    if (bound) return bound;
    static_cast<void>(engine.run([&](loop& l) -> task<> {
        all[index_of(engine, l)].reset();
        co_return;
    }));
    return bound;
}

/// Serves on every loop until the last station has ended, each destroyed where it lived.
result<void> serve_all(runtime& engine, stations& all) {
    std::atomic<std::size_t> serving = engine.size();
    const auto serve_one = [&](std::size_t index) -> task<result<void>> {
        result<void> ended = co_await all[index]->serve();
        all[index].reset();
        --serving;
        co_return ended;
    };
    return engine.run([&](loop& l) -> task<result<void>> {
        const std::size_t index = index_of(engine, l);
        if (index != 0) co_return co_await serve_one(index);
        result<void> ended;
        co_await with_scope([&](scope& s) -> task<> {
            auto ending = co_await watch_signals({SIGTERM, SIGINT});
            if (!ending) {
                ended = std::unexpected(ending.error());
                all[index].reset();
                co_return;
            }
            s.spawn(await_the_end(engine, all, *ending));
            ended = co_await serve_one(index);
            // A second signal is for those that go on elsewhere, too.
            bool waits = ended.has_value();
            while (waits && serving != 0) waits = (co_await sleep_for(std::chrono::milliseconds(10))).has_value();
            s.cancel();
            co_await s.join();
        });
        co_return ended;
    });
}

}  // namespace

std::expected<void, setup_error> run_gate(const options& asked) {
    const std::size_t descriptors = raise_descriptor_limit();
    auto engine = runtime::create({.loops = asked.workers,
                                   .loop = {.backend = asked.backend, .bounds = {.max_threads = most_threads}},
                                   .signals = {SIGTERM, SIGINT}});
    if (!engine) return std::unexpected(std::move(engine.error()));
    std::atomic<std::size_t> still_open = 0;
    stations all((*engine)->size());
    std::vector<endpoint> addresses = asked.listen;
    options fitted = asked;
    fitted.bounds = fitting(asked.bounds, descriptors / all.size());
    if (auto bound = bind_all(**engine, fitted, addresses, all, still_open); !bound) return bound;
    print_start(asked, addresses, **engine);
    const auto served = serve_all(**engine, all);
    if (!served) return std::unexpected(setup_error{served.error(), "accepting: " + served.error().message()});
    return {};
}

}  // namespace tinygate
