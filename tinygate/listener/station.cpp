#include "listener/station.hpp"

#include "session/http1.hpp"
#include <penstock/loop.hpp>
#include <penstock/sleep.hpp>

#include <algorithm>
#include <string>
#include <thread>

namespace tinygate {

using namespace penstock;

namespace {

/// How many operations may wait in this loop, or descriptors be open, whichever are fewer; 0: any number. Descriptors
/// are shared by all loops, and a few are needed for other things.
std::size_t room(std::size_t loops) {
    constexpr std::size_t others = 64;
    const capability_table& can = current_loop->explain().capabilities;
    if (can.most_descriptors == 0) return can.most_waiting;
    const std::size_t share = std::max<std::size_t>((can.most_descriptors - others) / loops, 1);
    return can.most_waiting == 0 ? share : std::min<std::size_t>(can.most_waiting, share);
}

/// What is left of the bounds where there is room for so many only: an idle connection takes one of them.
bounds fitting(bounds wanted, std::size_t listeners, std::size_t loops) {
    const std::size_t most = room(loops);
    if (most == 0) return wanted;
    const std::size_t each = std::max<std::size_t>(1, (most - std::min(most, listeners + 2)) / 2);
    wanted.connections = std::min(wanted.connections, each);
    wanted.upstream_idle = std::min(wanted.upstream_idle, each);
    wanted.upstream_connections = std::min(wanted.upstream_connections, each);
    return wanted;
}

options fitting(options asked) {
    const std::size_t loops = asked.workers != 0 ? asked.workers : std::max(1U, std::thread::hardware_concurrency());
    asked.bounds = fitting(asked.bounds, asked.listen.size(), loops);
    return asked;
}

std::string advice(const std::error_code& error) {
    if (error == std::errc::address_in_use) return "; stop what listens there, or choose another port";
    if (error == std::errc::permission_denied) return "; ports below 1024 need CAP_NET_BIND_SERVICE";
    if (error == std::errc::address_not_available) return "; this machine has no such address";
    return {};
}

setup_error refused(const char* option, const std::string& value, const std::error_code& why) {
    return {why, std::string(option) + " " + value + ": " + why.message() + advice(why)};
}

}  // namespace

station::station(const options& asked, const environment& outside, std::atomic<std::size_t>& still_open)
    : settings_(fitting(asked)), worker_(settings_, outside), still_open_(still_open) {}

task<std::expected<void, setup_error>> station::bind(std::vector<endpoint>& addresses, bool first) {
    if (!settings_.access_log.empty()) {
        const auto opened = co_await worker_.log.open(settings_.access_log);
        if (!opened) co_return std::unexpected(refused("--access-log", settings_.access_log, opened.error()));
    }
    for (endpoint& at : addresses) {
        const bool local = at.family() == address_family::unix_path;
        if (local && !first) continue;
        auto opened = co_await net::listen(at, {.reuse_port = !local});
        if (!opened) co_return std::unexpected(refused("--listen", at.to_string(), opened.error()));
        if (const auto bound = co_await opened->local_endpoint()) at = *bound;
        listeners_.push_back(std::move(*opened));
    }
    if (!listeners_.empty()) ++still_open_;
    co_return std::expected<void, setup_error>{};
}

task<result<void>> station::serve() {
    const net::serve_options how{.most_connections = settings_.bounds.connections,
                                 .drain_limit = settings_.timeouts.drain,
                                 .idle_limit = settings_.timeouts.idle,
                                 .idle_grace = settings_.timeouts.idle_grace,
                                 .close_listener = true};
    result<void> outcome;
    co_await with_scope([&](scope& background) -> task<> {
        background_ = &background;
        worker_.shared.open_in(&background);
        if (worker_.log.enabled()) background.spawn(worker_.log.write_until_cancelled());
        co_await with_scope([&](scope& doors) -> task<> {
            doors_ = &doors;
            for (net::listener& door : listeners_) doors.spawn(serve_one(door, how, outcome));
            if (worker_.ending) begin_end();
            co_await doors.join();
            doors_ = nullptr;
        });
        worker_.shared.open_in(nullptr);
        worker_.upstreams.close_idle();
    });
    co_return outcome;
}

void station::stop() noexcept {
    if (worker_.ending) return;
    worker_.ending = true;
    if (doors_ != nullptr) begin_end();  // else serve() does, which has not begun
}

void station::begin_end() noexcept {
    doors_->cancel();
    background_->spawn(announce_end());
}

// A client that is told "close" may be back at once, and should then find the successor: a connection that comes
// between the last accept and the close of a listener is reset. So nobody is told before all listeners are closed.
task<> station::announce_end() {
    constexpr duration step = std::chrono::milliseconds(1);
    const auto is_open = [](const net::listener& door) { return door.open(); };
    bool waits = true;  // until there is nobody left to tell
    while (waits && std::ranges::any_of(listeners_, is_open)) waits = (co_await sleep_for(step)).has_value();
    if (waits) waits = (co_await sleep_for(step)).has_value();  // open() is false once the close has begun
    --still_open_;
    while (waits && still_open_ != 0) waits = (co_await sleep_for(step)).has_value();
    worker_.draining = true;
}

task<> station::serve_one(net::listener& door, net::serve_options how, result<void>& outcome) {
    const auto ended =
        co_await net::serve(door, how, [this](net::stream& client) { return serve_http1(worker_, client); });
    if (!ended) outcome = ended;
}

}  // namespace tinygate
