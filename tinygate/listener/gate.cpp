#include "listener/gate.hpp"

#include "session/http1.hpp"
#include "session/worker.hpp"
#include <penstock/listener.hpp>
#include <penstock/runtime.hpp>
#include <penstock/scope.hpp>
#include <penstock/serve.hpp>
#include <penstock/signals.hpp>
#include <penstock/sleep.hpp>

#include <signal.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace tinygate {

using namespace penstock;

namespace {

// Only `threads` has a bound of its own on what may wait: 3/4 of this, so some 1,500 clients and as many upstream
// connections for each worker. Threads are started when needed.
constexpr std::uint32_t most_threads = 4096;

/// What is left of the bounds where the mechanism lets only so many operations wait: an idle connection is one.
bounds fitting(bounds wanted, std::size_t listeners) {
    const std::size_t most = current_loop->explain().capabilities.most_waiting;
    if (most == 0) return wanted;
    const std::size_t each = std::max<std::size_t>(1, (most - std::min(most, listeners + 2)) / 2);
    wanted.connections = std::min(wanted.connections, each);
    wanted.upstream_idle = std::min(wanted.upstream_idle, each);
    wanted.upstream_connections = std::min(wanted.upstream_connections, each);
    return wanted;
}

options fitting(options asked) {
    asked.bounds = fitting(asked.bounds, asked.listen.size());
    return asked;
}

/// One loop's listeners and sessions. Made, used and destroyed on that loop's thread.
class station {
  public:
    /// \param still_open how many stations have not closed their listeners
    station(const options& asked, std::atomic<std::size_t>& still_open)
        : settings_(fitting(asked)), worker_(settings_), still_open_(still_open) {}

    /// Opens the access log, then binds every address: once one is bound, clients come. Port 0 is what the station
    /// before has got. A Unix path can't be shared, so the first serves it alone.
    task<std::expected<void, setup_error>> bind(std::vector<endpoint>& addresses, bool first) {
        if (!settings_.access_log.empty()) {
            const auto opened = co_await worker_.log.open(settings_.access_log);
            if (!opened) {
                co_return std::unexpected(setup_error{
                    opened.error(), "--access-log " + settings_.access_log + ": " + opened.error().message()});
            }
        }
        for (endpoint& at : addresses) {
            if (!first && at.family() == address_family::unix_path) continue;
            auto opened = co_await net::listen(at, {.reuse_port = at.family() != address_family::unix_path});
            if (!opened) {
                co_return std::unexpected(setup_error{
                    opened.error(),
                    "--listen " + at.to_string() + ": " + opened.error().message() + advice(opened.error())});
            }
            if (const auto bound = co_await opened->local_endpoint()) at = *bound;
            listeners_.push_back(std::move(*opened));
        }
        co_return std::expected<void, setup_error>{};
    }

    /// Serves until stop(); ends when the last session has.
    task<result<void>> serve() {
        const net::serve_options how{.most_connections = settings_.bounds.connections,
                                     .drain_limit = settings_.timeouts.drain,
                                     .idle_limit = settings_.timeouts.idle,
                                     .idle_grace = settings_.timeouts.idle_grace,
                                     .close_listener = true};
        result<void> outcome;
        co_await with_scope([&](scope& logging) -> task<> {
            background_ = &logging;
            if (worker_.log.enabled()) logging.spawn(worker_.log.write_until_cancelled());
            co_await with_scope([&](scope& doors) -> task<> {
                doors_ = &doors;
                if (worker_.ending) doors.cancel();
                for (net::listener& door : listeners_) doors.spawn(serve_one(door, how, outcome));
                co_await doors.join();
                doors_ = nullptr;
            });
            worker_.upstreams.close_idle();
        });
        co_return outcome;
    }

    /// Begins the end. The loop's thread only.
    void stop() noexcept {
        worker_.ending = true;
        if (doors_ == nullptr) return;
        doors_->cancel();
        background_->spawn(announce_end());
    }

    /// Cuts short what is under way. The loop's thread only.
    void abandon() noexcept { worker_.clock.stop(); }

  private:
    static std::string advice(const std::error_code& error) {
        if (error == std::errc::address_in_use) return "; stop what listens there, or choose another port";
        if (error == std::errc::permission_denied) return "; ports below 1024 need CAP_NET_BIND_SERVICE";
        if (error == std::errc::address_not_available) return "; this machine has no such address";
        return {};
    }

    // A client that is told "close" may be back at once, and should then find the successor: a connection that comes
    // between the last accept and the close of a listener is reset. So nobody is told before all listeners are closed.
    task<> announce_end() {
        constexpr duration step = std::chrono::milliseconds(1);
        for (const net::listener& door : listeners_) {
            while (door.open()) {
                const auto slept = co_await sleep_for(step);
                if (!slept) co_return;
            }
        }
        static_cast<void>(co_await sleep_for(step));  // open() is false once the close has begun
        --still_open_;
        while (still_open_ != 0) {
            const auto slept = co_await sleep_for(step);
            if (!slept) co_return;
        }
        worker_.draining = true;
    }

    task<> serve_one(net::listener& door, net::serve_options how, result<void>& outcome) {
        const auto ended =
            co_await net::serve(door, how, [this](net::stream& client) { return serve_http1(worker_, client); });
        if (!ended) outcome = ended;
    }

    const options settings_;
    worker worker_;
    std::vector<net::listener> listeners_;
    scope* doors_ = nullptr;
    scope* background_ = nullptr;
    std::atomic<std::size_t>& still_open_;
};

/// The index of each loop, which work for all of them needs.
std::size_t index_of(runtime& engine, const loop& l) {
    for (std::size_t i = 0; i < engine.size(); ++i) {
        if (&engine.loop(i) == &l) return i;
    }
    return 0;
}

void tell_all(const std::vector<std::unique_ptr<station>>& stations, runtime& engine, void (station::*what)() noexcept,
              std::vector<bool>& told) {
    for (std::size_t i = 0; i < engine.size(); ++i) {
        station* const s = stations[i].get();
        if (!told[i]) told[i] = engine.loop(i).post([s, what] { (s->*what)(); });
    }
}

/// Tells every station, each on its loop.
task<> tell_all(runtime& engine, const std::vector<std::unique_ptr<station>>& stations,
                void (station::*what)() noexcept) {
    std::vector<bool> told(engine.size());
    for (;;) {
        tell_all(stations, engine, what, told);
        if (std::ranges::find(told, false) == told.end()) co_return;
        const auto slept = co_await sleep_for(std::chrono::milliseconds(1));  // what was posted before is run meanwhile
        if (!slept) co_return;
    }
}

/// Tells every station when a signal asks for the end; a second one ends at once.
task<> await_the_end(runtime& engine, std::vector<std::unique_ptr<station>>& stations, signals& ending) {
    const auto first = co_await ending.next();
    if (!first) co_return;
    std::printf("tinygate: draining; again to stop at once\n");
    std::fflush(stdout);
    co_await tell_all(engine, stations, &station::stop);
    const auto second = co_await ending.next();
    if (!second) co_return;
    co_await tell_all(engine, stations, &station::abandon);
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

}  // namespace

std::expected<void, setup_error> run_gate(const options& asked) {
    auto engine = runtime::create({.loops = asked.workers,
                                   .loop = {.backend = asked.backend, .bounds = {.max_threads = most_threads}},
                                   .signals = {SIGTERM, SIGINT}});
    if (!engine) return std::unexpected(std::move(engine.error()));
    runtime& rt = **engine;
    std::atomic<std::size_t> still_open = rt.size();
    std::vector<std::unique_ptr<station>> stations(rt.size());
    std::vector<endpoint> addresses = asked.listen;
    std::expected<void, setup_error> bound;

    // One after the other, so that all get the port that the first was given.
    for (std::size_t turn = 0; turn < rt.size() && bound; ++turn) {
        static_cast<void>(rt.run([&](loop& l) -> task<> {
            if (index_of(rt, l) != turn) co_return;
            stations[turn] = std::make_unique<station>(asked, still_open);
            bound = co_await stations[turn]->bind(addresses, turn == 0);
        }));
    }
    result<void> outcome;
    if (bound) {
        print_start(asked, addresses, rt);
        outcome = rt.run([&](loop& l) -> task<result<void>> {
            const std::size_t index = index_of(rt, l);
            if (index != 0) co_return co_await stations[index]->serve();
            auto ending = co_await watch_signals({SIGTERM, SIGINT});
            if (!ending) co_return std::unexpected(ending.error());
            result<void> ended;
            co_await with_scope([&](scope& s) -> task<> {
                s.spawn(await_the_end(rt, stations, *ending));
                ended = co_await stations[0]->serve();
            });
            co_return ended;
        });
    }
    // Each on its own thread, as the loops demand.
    static_cast<void>(rt.run([&](loop& l) -> task<> {
        stations[index_of(rt, l)].reset();
        co_return;
    }));
    if (!bound) return bound;
    if (!outcome) return std::unexpected(setup_error{outcome.error(), "accepting: " + outcome.error().message()});
    return {};
}

}  // namespace tinygate
