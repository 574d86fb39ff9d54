#include "process/child.hpp"
#include "process/kernel_memory.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

#include <algorithm>

namespace iobench {

namespace {

constexpr double least_active = 32;
constexpr double active_share = 0.01;
constexpr double select_limit = 1000;
constexpr double asking_about_one = 0.25e-6;  // seconds, by a mechanism that asks about each

const description text{
    .name = "idle",
    .title = "idle connections, 1 % active",
    .says =
        "So many connections say nothing, and beside them one in a hundred, at least 32, echoes 64 bytes all the "
        "time. Where a mechanism asks about every descriptor, the active pay for the idle. Memory of the server is "
        "what it grew by when the idle ones connected and had exchanged one message each. The kernel's memory is "
        "the machine's, for both ends of each connection: by slabs where /proc/slabinfo can be read, else by pages.",
    .axis = "idle connections",
    .logarithmic = false,
    .metrics = {cpu_per_message(),
                messages_per_second(),
                latency("p99_us"),
                {"user_bytes", "memory of the server per idle connection", "bytes"},
                {"slab_bytes", "kernel memory per idle connection, both ends (slabinfo)", "bytes"},
                {"page_bytes", "kernel memory per idle connection, both ends (meminfo)", "bytes"}},
};

double active_beside(double idle) { return std::max(least_active, idle * active_share); }

/// What was there before and after the idle connections came.
struct memory {
    double server = 0;
    kernel_memory kernel;
};

void add_memory(sample& into, const memory& before, const memory& after, double connections) {
    into["user_bytes"] = (after.server - before.server) / connections;
    const auto add = [&](const char* name, std::optional<double> kernel_memory::* of) {
        if (before.kernel.*of && after.kernel.*of) {
            into[name] = (*(after.kernel.*of) - *(before.kernel.*of)) / connections;
        }
    };
    add("slab_bytes", &kernel_memory::slabs);
    if (!into.contains("slab_bytes")) add("page_bytes", &kernel_memory::slab_sum);
}

class idle : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale much) const override {
        std::vector<int> counts = {0, 5000};
        if (much == scale::survey) counts = {0, 1000, 5000};
        if (much == scale::full) counts = {0, 1000, 5000, 15000};
        std::vector<point> all;
        for (const int n : counts) all.push_back({std::to_string(n) + " idle", static_cast<double>(n)});
        return all;
    }

    std::vector<contender> contenders() const override { return echo_contenders(); }

    std::string left_out(const contender& who, const point& at) const override {
        if (who.name.ends_with("/select") && at.x + active_beside(at.x) > select_limit) {
            return "select takes descriptors below 1024 only";
        }
        return too_many_connections(who, at.x + active_beside(at.x));
    }

    std::chrono::duration<double> besides(const contender& who, const point& at) const override {
        const double all = at.x + active_beside(at.x);
        // To let one more in, all that came before are asked about.
        const double asking = who.name.ends_with("/poll") ? asking_about_one * all * all : 0;
        return besides_echoes(all) + std::chrono::duration<double>(asking);
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        echo_trial trial(who, text.metrics);
        const auto opened = trial.open({.connections = static_cast<std::size_t>(active_beside(at.x)),
                                        .seconds = each.length.count(),
                                        .warm_up = each.warm_up.count()});
        if (!opened) return std::unexpected(opened.error());
        memory before{.server = trial.resident(), .kernel = read_kernel_memory()};
        std::optional<child> quiet;
        if (at.x > 0) {
            auto made = open_idle_connections(trial.address(), static_cast<std::size_t>(at.x));
            if (!made) return std::unexpected(made.error());
            quiet.emplace(std::move(*made));
        }
        const memory after{.server = trial.resident(), .kernel = read_kernel_memory()};
        auto taken = trial.run();
        if (taken && at.x > 0) add_memory(*taken, before, after, at.x);
        return taken;
    }
};

}  // namespace

std::shared_ptr<workload> idle_workload() { return std::make_shared<idle>(); }

}  // namespace iobench
