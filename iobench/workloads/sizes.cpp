#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

namespace iobench {

namespace {

const description text{
    .name = "sizes",
    .title = "echo by size of message, 64 connections",
    .says =
        "The echo with messages of 64 bytes to 64 KiB. Bare loops and penstock receive 16 KiB at once, so a longer "
        "message goes through the server in pieces; the others have the buffers that they have. From some 4 KiB on "
        "copying in the kernel outweighs whatever a mechanism costs.",
    .axis = "bytes per message",
    .metrics = {cpu_per_message(),
                messages_per_second(),
                {"cpu_s_gib", "CPU per GiB", "s"},
                latency("p50_us"),
                latency("p99_us"),
                calls_per_message()},
};

class sizes : public echo_sweep {
  public:
    const description& about() const override { return text; }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {64, 16384};
        return {64, 512, 4096, 16384, 65536};
    }
    std::string name_of(double x) const override { return size_text(x); }
    echo_job job(double x) const override { return {.connections = 64, .message_size = static_cast<std::size_t>(x)}; }
};

}  // namespace

std::shared_ptr<workload> sizes_workload() { return std::make_shared<sizes>(); }

}  // namespace iobench
