#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

namespace iobench {

namespace {

const description text{
    .name = "batch",
    .title = "messages under way per connection, 16 connections",
    .says =
        "The echo of 64 bytes, pipelined: each connection has so many messages under way, and sends as many new ones "
        "in one call as have come back. What arrives together is received together, so CPU and system calls per "
        "message fall with the batch while a message waits for its neighbours: the price of throughput in latency.",
    .axis = "messages under way per connection",
    .metrics = {cpu_per_message(), latency("p50_us"), latency("p99_us"), messages_per_second(), calls_per_message(),
                waits_per_message()},
};

class batch : public echo_sweep {
  public:
    const description& about() const override { return text; }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {1, 16};
        if (much == scale::survey) return {1, 4, 16, 64};
        return {1, 2, 4, 8, 16, 32, 64};
    }
    std::string name_of(double x) const override { return std::to_string(static_cast<int>(x)) + " under way"; }
    echo_job job(double x) const override { return {.connections = 16, .depth = static_cast<std::size_t>(x)}; }
};

}  // namespace

std::shared_ptr<workload> batch_workload() { return std::make_shared<batch>(); }

}  // namespace iobench
