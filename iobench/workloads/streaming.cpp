#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

namespace iobench {

namespace {

const description text{
    .name = "streaming",
    .title = "streams of 64 KiB writes",
    .says =
        "Few connections, each with four messages of 64 KiB under way at any time, echoed: a stream in both "
        "directions that never pauses. CPU is that of the server per GiB received and sent again. The load copies "
        "and compares as many bytes as the server moves, so the rate may be the load's limit; CPU per GiB is not.",
    .axis = "connections",
    .metrics = {{"cpu_s_gib", "CPU per GiB", "s"},
                {"gib_s", "GiB per second, each way", "GiB/s", false},
                calls_per_message(),
                waits_per_message(),
                switches_per_message()},
};

class streaming : public echo_sweep {
  public:
    const description& about() const override { return text; }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {4};
        return {1, 4, 16};
    }
    std::string name_of(double x) const override {
        return std::to_string(static_cast<int>(x)) + (x == 1 ? " connection" : " connections");
    }
    echo_job job(double x) const override {
        return {.connections = static_cast<std::size_t>(x), .message_size = 65536, .depth = 4};
    }
};

}  // namespace

std::shared_ptr<workload> streaming_workload() { return std::make_shared<streaming>(); }

}  // namespace iobench
