#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

#include <algorithm>
#include <optional>

namespace iobench {

namespace {

constexpr std::size_t connections = 64;
constexpr const char* reference = "bare/epoll";

const description text{
    .name = "rate",
    .title = "latency at a fixed rate, 64 connections",
    .says =
        "Messages of 64 bytes are sent at a fixed rate, whatever the server does, and their latency counts from the "
        "moment when each was due: a server that stalls can't hold back the load and hide it (coordinated "
        "omission). The rate is a share of what a bare epoll loop does at saturation here, the same for all. The "
        "load never sleeps, so that it is not late itself. A server that can't keep up shows in `unsent`.",
    .axis = "share of the rate at saturation",
    .logarithmic = false,
    .metrics = {latency("p99_us"),
                latency("p50_us"),
                latency("p90_us"),
                latency("p999_us"),
                latency("p9999_us"),
                cpu_per_message(),
                messages_per_second(),
                {"unsent", "share never sent for want of time", ""}},
};

class rate : public echo_sweep {
  public:
    const description& about() const override { return text; }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        if (!saturation_) {
            const auto found = run_echo_trial({.name = reference},
                                              {.connections = connections,
                                               .seconds = std::max(each.length.count(), 0.5),
                                               .warm_up = each.warm_up.count()},
                                              {messages_per_second()});
            if (!found) return found;
            saturation_ = found->at("rate");
        }
        return echo_sweep::measure(who, at, each);
    }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {0.2, 0.7};
        if (much == scale::survey) return {0.2, 0.5, 0.8};
        return {0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9};
    }
    std::string name_of(double x) const override {
        return std::to_string(static_cast<int>(x * 100 + 0.5)) + " % of saturation";
    }
    echo_job job(double x) const override { return {.connections = connections, .rate = saturation_.value_or(0) * x}; }

  private:
    std::optional<double> saturation_;  // messages per second
};

}  // namespace

std::shared_ptr<workload> rate_workload() { return std::make_shared<rate>(); }

}  // namespace iobench
