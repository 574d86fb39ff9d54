#include "workloads/echo.hpp"

#include "workloads/echo_trial.hpp"

namespace iobench {

namespace {

const description text{
    .name = "echo",
    .title = "echo of 64 bytes",
    .says =
        "Each connection sends a message, waits until it has come back whole and unchanged, and sends the next. One "
        "server on one core, the load on another. CPU is that of all threads of the server, the kernel's part "
        "included: the figure does not depend on which side saturates first. System calls are counted by wrappers of "
        "the C library's functions, which costs about 5 ns for each; what is inside the C library goes uncounted.",
    .axis = "connections",
    .metrics = {cpu_per_message(),
                messages_per_second(),
                latency("p50_us"),
                latency("p99_us"),
                calls_per_message(),
                waits_per_message(),
                epoll_ctl_per_message(),
                switches_per_message(),
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

    std::vector<contender> contenders() const override { return echo_contenders(); }

    std::string left_out(const contender& who, const point& at) const override {
        return too_many_connections(who, at.x);
    }

    std::chrono::duration<double> besides(const contender&, const point& at) const override {
        return besides_echoes(at.x);
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        return run_echo_trial(who,
                              {.connections = static_cast<std::size_t>(at.x),
                               .seconds = each.length.count(),
                               .warm_up = each.warm_up.count()},
                              text.metrics);
    }
};

}  // namespace

std::shared_ptr<workload> echo_workload() { return std::make_shared<echo>(); }

}  // namespace iobench
