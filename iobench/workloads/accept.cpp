#include "contenders/accept/stage.hpp"
#include "load/accept_load.hpp"
#include "process/child.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

namespace iobench {

namespace {

constexpr int stall_ms = 1000;
constexpr double stalled_seconds = 0.5;

const description text{
    .name = "accept",
    .title = "storm of connections on 4 workers",
    .says =
        "64 connections at a time, each for one message of 64 bytes, then closed with a reset and followed by the "
        "next. The four workers of the server are threads on one core, and come by connections from one listener "
        "that all watch, from the same with EPOLLEXCLUSIVE, or from one listener each (SO_REUSEPORT). Balance is "
        "what the busiest worker took over the mean; on one core the first that wakes may empty the queue. Then the "
        "worker that takes the next one stalls for a second: stranded is the share of connections that had no answer "
        "within 100 ms.",
    .metrics = {{"cpu_us", "CPU per connection", "µs"},
                {"rate", "connections per second", "1/s", false},
                {"waits", "wake-ups per connection", ""},
                {"calls", "system calls per connection", ""},
                {"balance", "busiest worker over the mean", ""},
                {"stranded", "share stranded while one worker stalls", ""},
                {"p50_us", "latency, median", "µs"},
                {"p99_us", "latency, 99th percentile", "µs"}},
};

/// What each worker has taken, after telling the server something.
std::expected<std::vector<double>, std::string> counts(child& server, const std::string& order) {
    if (const auto told = server.tell(order); !told) return std::unexpected(told.error());
    const auto said = server.read_line();
    if (!said) return std::unexpected(said.error());
    const auto parsed = nlohmann::json::parse(*said, nullptr, false);
    if (!parsed.is_array() || parsed.empty()) return std::unexpected("the server said: " + *said);
    return parsed.get<std::vector<double>>();
}

double balance(const std::vector<double>& before, std::vector<double> after) {
    for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
    const double mean = std::accumulate(after.begin(), after.end(), 0.0) / static_cast<double>(after.size());
    return *std::ranges::max_element(after) / mean;
}

class storm_of_connections : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale) const override { return {{.name = "4 workers"}}; }

    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const accept_server& one : accept_servers()) all.push_back(one.who);
        return all;
    }

    std::chrono::duration<double> besides(const contender&, const point&) const override {
        return besides_echoes(0) + std::chrono::duration<double>(stalled_seconds);
    }

    std::expected<sample, std::string> measure(const contender& who, const point&, const pace& each) override {
        auto server = child::in_role({"accept-server", who.name}, core::server);
        if (!server) return std::unexpected(server.error());
        const auto said = server->read_line();
        if (!said) return std::unexpected(said.error());
        auto load = accept_load::open(said->substr(said->rfind(' ') + 1));
        if (!load) return std::unexpected(load.error());
        if (const auto warm = load->run(std::max(each.warm_up.count(), 0.05)); !warm) {
            return std::unexpected(warm.error());
        }
        auto taken = undisturbed(*server, *load, each.length.count());
        if (!taken) return taken;
        if (const auto told = counts(*server, "stall " + std::to_string(stall_ms)); !told) {
            return std::unexpected(told.error());
        }
        const auto done = load->run(stalled_seconds);
        if (!done) return std::unexpected(done.error());
        (*taken)["stranded"] = done->stranded / (done->stranded + done->connections);
        return taken;
    }

  private:
    static std::expected<sample, std::string> undisturbed(child& server, accept_load& load, double seconds) {
        const auto had = counts(server, "counts");
        const auto before = server.used();
        const auto done = load.run(seconds);
        const auto after = server.used();
        const auto has = counts(server, "counts");
        if (!done) return std::unexpected(done.error());
        if (done->connections == 0) return std::unexpected("not one connection had an answer within 100 ms");
        if (!had || !has) return std::unexpected((had ? has : had).error());
        if (!before || !after) return std::unexpected((before ? after : before).error());
        const auto each = [&](std::uint64_t from, std::uint64_t to) {
            return static_cast<double>(to - from) / done->connections;
        };
        return sample{{"cpu_us", each(before->cpu_nanoseconds, after->cpu_nanoseconds) / 1000},
                      {"rate", done->connections / done->seconds},
                      {"waits", each(waits(before->calls), waits(after->calls))},
                      {"calls", each(total(before->calls), total(after->calls))},
                      {"balance", balance(*had, *has)},
                      {"p50_us", done->p50_us},
                      {"p99_us", done->p99_us}};
    }
};

}  // namespace

std::shared_ptr<workload> accept_workload() { return std::make_shared<storm_of_connections>(); }

}  // namespace iobench
