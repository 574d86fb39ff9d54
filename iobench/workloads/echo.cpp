#include "workloads/echo.hpp"

#include "contenders/echo/echo_servers.hpp"
#include "load/echo_load.hpp"
#include "process/child.hpp"

namespace iobench {

namespace {

constexpr double select_limit = 1000;  // descriptors below FD_SETSIZE, and some for the program itself
constexpr double thread_limit = 2000;  // connections of a server with a thread for each

constexpr double start_and_end = 0.05;      // seconds
constexpr double per_connection = 0.00008;  // to connect, to exchange the first message, and to close

const description text{
    .name = "echo",
    .title = "echo of 64 bytes",
    .says =
        "Each connection sends a message, waits until it has come back whole and unchanged, and sends the next. One "
        "server on one core, the load on another. CPU is that of all threads of the server, the kernel's part "
        "included: the figure does not depend on which side saturates first.",
    .axis = "connections",
    .metrics = {{"cpu_us", "CPU per message", "µs"},
                {"rate", "messages per second", "1/s", false},
                {"p50_us", "latency, median", "µs"},
                {"p99_us", "latency, 99th percentile", "µs"},
                {"switches", "context switches per message", ""},
                {"resident", "memory of the server", "bytes"}},
};

class echo : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale much) const override {
        std::vector<int> counts = {32, 256};
        if (much == scale::survey) counts = {1, 32, 256, 1000};
        if (much == scale::full) counts = {1, 4, 32, 256, 1000, 4000, 10000};
        std::vector<point> all;
        for (const int n : counts) {
            all.push_back({std::to_string(n) + (n == 1 ? " connection" : " connections"), static_cast<double>(n)});
        }
        return all;
    }

    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const echo_server& one : echo_servers()) all.push_back(one.who);
        return all;
    }

    std::string left_out(const contender& who, const point& at) const override {
        if (who.name.ends_with("/select") && at.x > select_limit) return "select takes descriptors below 1024 only";
        if (who.name.ends_with("/threads") && at.x > thread_limit) return "a thread for each connection";
        return {};
    }

    std::chrono::duration<double> besides(const contender&, const point& at) const override {
        return std::chrono::duration<double>(start_and_end + at.x * per_connection);
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        auto server = child::in_role({"echo-server", who.name}, core::server);
        if (!server) return std::unexpected(server.error());
        const auto said = server->read_line();
        if (!said) return std::unexpected(said.error());
        auto load = echo_load::open({.address = said->substr(said->rfind(' ') + 1),
                                     .connections = static_cast<std::size_t>(at.x),
                                     .seconds = each.length.count(),
                                     .warm_up = each.warm_up.count()});
        if (!load) return std::unexpected(load.error());
        const auto before = server->used();
        const auto done = load->run();
        const auto after = server->used();
        if (!done) return std::unexpected(done.error());
        if (!before || !after) return std::unexpected((before ? after : before).error());
        const auto per_message = [&](std::uint64_t usage::* of) {
            return static_cast<double>((*after).*of - (*before).*of) / done->messages;
        };
        return sample{{"cpu_us", per_message(&usage::cpu_nanoseconds) / 1000},
                      {"rate", done->messages / done->seconds},
                      {"p50_us", done->p50_us},
                      {"p99_us", done->p99_us},
                      {"switches", per_message(&usage::voluntary_switches) + per_message(&usage::involuntary_switches)},
                      {"resident", static_cast<double>(after->resident_bytes)}};
    }
};

}  // namespace

std::shared_ptr<workload> echo_workload() { return std::make_shared<echo>(); }

}  // namespace iobench
