#include "listener/run.hpp"

#include "listener/gate.hpp"
#include <penstock/runtime.hpp>

#include <signal.h>  // NOLINT(modernize-deprecated-headers): the numbers of signals are POSIX's
#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace tinygate {

using namespace penstock;

namespace {

// Only `threads` has a bound of its own on what may wait: 3/4 of this, so some 1,500 clients and as many upstream
// connections for each worker. Threads are started when needed.
constexpr std::uint32_t most_threads = 4096;

// A proxy's messages are small, and to wake up for each costs as much as to carry it.
uring_options ring_for(const options& asked) {
    constexpr std::uint32_t most_at_once = 32;
    return {.batch_completions = most_at_once,
            .batch_time = std::chrono::microseconds(asked.batch_time),
            .batch_adapts = true};
}

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

/// The loops of a runtime, whose indices work for all of them needs.
class loops_of {
  public:
    explicit loops_of(runtime& engine) {
        for (std::size_t i = 0; i < engine.size(); ++i) all_.push_back(&engine.loop(i));
    }
    const std::vector<loop*>& all() const noexcept { return all_; }
    std::size_t index_of(const loop& l) const noexcept {
        return static_cast<std::size_t>(std::ranges::find(all_, &l) - all_.begin());
    }

  private:
    std::vector<loop*> all_;
};

std::string start_line(const options& asked, const std::vector<endpoint>& bound, runtime& engine) {
    std::string where;
    for (const endpoint& at : bound) where += (where.empty() ? "" : ", ") + at.to_string();
    std::string targets;
    for (const endpoint& to : asked.to) targets += (targets.empty() ? "" : ", ") + to.to_string();
    return "listening on " + where + ", for " + targets + "; " + std::to_string(engine.size()) + " worker" +
           (engine.size() == 1 ? "" : "s") + " on " + engine.loop(0).explain().line();
}

/// One loop after the other, so that all get the port that the first was given.
std::expected<void, setup_error> open_all(runtime& engine, const loops_of& loops, gate& whole) {
    std::expected<void, setup_error> opened;
    for (std::size_t turn = 0; turn < engine.size() && opened; ++turn) {
        static_cast<void>(engine.run([&](loop& l) -> task<> {
            if (loops.index_of(l) != turn) co_return;
            opened = co_await whole.open(turn);
        }));
    }
    if (opened) return opened;
    static_cast<void>(engine.run([&](loop& l) -> task<> {
        whole.close(loops.index_of(l));
        co_return;
    }));
    return opened;
}

}  // namespace

std::expected<void, setup_error> run_gate(const options& asked) {
    const std::size_t descriptors = raise_descriptor_limit();
    auto engine = runtime::create(
        {.loops = asked.workers,
         .loop = {.backend = asked.backend, .bounds = {.max_threads = most_threads, .uring = ring_for(asked)}},
         .signals = {SIGTERM, SIGINT}});
    if (!engine) return std::unexpected(std::move(engine.error()));
    if ((*engine)->loop(0).explain().capabilities.own_world) {
        return std::unexpected(setup_error{
            std::make_error_code(std::errc::invalid_argument),
            "--backend " + asked.backend + ": its network is in memory, where nobody could connect; take another"});
    }
    const loops_of loops(**engine);
    options fitted = asked;
    fitted.bounds = fitting(asked.bounds, descriptors / loops.all().size());
    const environment outside = this_process();
    gate whole(fitted, outside, loops.all());
    if (auto opened = open_all(**engine, loops, whole); !opened) return opened;
    outside.say(start_line(asked, whole.addresses(), **engine));
    const auto served = (*engine)->run([&](loop& l) { return whole.serve(loops.index_of(l)); });
    if (!served) return std::unexpected(setup_error{served.error(), "accepting: " + served.error().message()});
    return {};
}

}  // namespace tinygate
