// What io_uring's features gain, on sockets: the plain ring, and the same with one thing more.
#include "contenders/echo/echo_servers.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

#include <set>

namespace iobench {

namespace {

constexpr std::size_t connections = 32;
constexpr std::chrono::duration<double> silence{0.1};

const description text{
    .name = "ring-sockets",
    .title = "io_uring's features on sockets, 32 connections",
    .says =
        "An echo by a plain ring (bare/ring: a receive into the connection's buffer, then a send), and the same with "
        "registered files, with registered buffers (read and write, as no receive takes them), with zero-copy sends "
        "of them, and with a thread of the kernel that polls for requests. bare/io_uring has multishot receives into "
        "provided buffers. On the loopback a zero-copy send is copied after all: what shows is its cost. The poller's "
        "CPU is counted; with two cores it takes turns with the server or the load, so its rate says little. While "
        "nobody says anything it goes on for a second: idle cores.",
    .axis = "bytes per message",
    .metrics = {cpu_per_message(),
                calls_per_message(),
                messages_per_second(),
                latency("p50_us"),
                latency("p99_us"),
                switches_per_message(),
                {"idle_cores", "cores in use while nobody says anything", ""}},
};

class ring_sockets : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale) const override {
        std::vector<point> all;
        for (const double x : {64.0, 16384.0}) all.push_back({size_text(x), x});
        return all;
    }

    std::vector<contender> contenders() const override {
        static const std::set<std::string> beside = {"bare/io_uring", "penstock/io_uring"};
        std::vector<contender> all;
        for (echo_server& one : echo_servers()) {
            if (one.who.name.starts_with("bare/ring") || beside.contains(one.who.name)) all.push_back(one.who);
        }
        return all;
    }

    std::chrono::duration<double> besides(const contender&, const point&) const override {
        return besides_echoes(connections) + silence;
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        echo_trial trial(who, text.metrics);
        const auto opened = trial.open({.connections = connections,
                                        .message_size = static_cast<std::size_t>(at.x),
                                        .seconds = each.length.count(),
                                        .warm_up = each.warm_up.count()});
        if (!opened) return std::unexpected(opened.error());
        auto taken = trial.run();
        if (!taken) return taken;
        const auto idle = trial.cores_in_use(silence);
        if (!idle) return std::unexpected(idle.error());
        (*taken)["idle_cores"] = *idle;
        return taken;
    }
};

}  // namespace

std::shared_ptr<workload> ring_sockets_workload() { return std::make_shared<ring_sockets>(); }

}  // namespace iobench
