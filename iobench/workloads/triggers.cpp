#include "contenders/echo/echo_servers.hpp"
#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

namespace iobench {

namespace {

const description text{
    .name = "triggers",
    .title = "epoll: level, edge, one-shot",
    .says =
        "The echo of 64 bytes by epoll's three ways of telling: edge-triggered (armed once for life), "
        "level-triggered (told as long as there is input) and EPOLLONESHOT (disarmed by each event, so that every "
        "message costs an epoll_ctl). Wake-ups are calls of epoll_wait; with many connections one of them finds "
        "many messages.",
    .axis = "connections",
    .metrics = {cpu_per_message(), waits_per_message(), epoll_ctl_per_message(), calls_per_message(),
                messages_per_second(), latency("p99_us")},
};

class triggers : public echo_sweep {
  public:
    const description& about() const override { return text; }

    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const echo_server& one : echo_servers()) {
            if (one.who.of != group::peer && one.who.name.contains("/epoll")) all.push_back(one.who);
        }
        return all;
    }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {32};
        return {1, 32, 256};
    }
    std::string name_of(double x) const override {
        return std::to_string(static_cast<int>(x)) + (x == 1 ? " connection" : " connections");
    }
    echo_job job(double x) const override { return {.connections = static_cast<std::size_t>(x)}; }
};

}  // namespace

std::shared_ptr<workload> triggers_workload() { return std::make_shared<triggers>(); }

}  // namespace iobench
