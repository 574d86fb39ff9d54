#include "contenders/relay/relays.hpp"
#include "process/child.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

namespace iobench {

namespace {

constexpr std::size_t connections = 8;

const description text{
    .name = "relay",
    .title = "relay between two sockets, 8 connections",
    .says =
        "A proxy that looks at nothing: each message goes through it to an echo server and back, so it passes every "
        "message on twice. By copy (recv and send), by splice through a pipe, in an io_uring, with io_uring's "
        "zero-copy send (on the loopback the kernel copies after all, so this shows its cost and not its gain), and "
        "by penstock's transfer(), which splices. CPU is the relay's; load and echo server share the other core.",
    .axis = "bytes per message",
    .metrics = {cpu_per_message(),
                {"cpu_s_gib", "CPU per GiB", "s"},
                messages_per_second(),
                latency("p50_us"),
                latency("p99_us"),
                calls_per_message()},
};

class relaying : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale much) const override {
        std::vector<double> sizes = {64, 16384, 1048576};
        if (much == scale::quick) sizes = {64, 1048576};
        std::vector<point> all;
        for (const double x : sizes) all.push_back({size_text(x), x});
        return all;
    }

    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const relay& one : relays()) all.push_back(one.who);
        return all;
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        auto origin = child::in_role({"echo-server", "bare/epoll"}, core::load);
        if (!origin) return std::unexpected(origin.error());
        const auto said = origin->read_line();
        if (!said) return std::unexpected(said.error());
        echo_trial trial(who, text.metrics);
        const auto opened = trial.open({.connections = connections,
                                        .message_size = static_cast<std::size_t>(at.x),
                                        .seconds = each.length.count(),
                                        .warm_up = each.warm_up.count()},
                                       {"relay", who.name, said->substr(said->rfind(' ') + 1)});
        if (!opened) return std::unexpected(opened.error());
        return trial.run();
    }
};

}  // namespace

std::shared_ptr<workload> relay_workload() { return std::make_shared<relaying>(); }

}  // namespace iobench
