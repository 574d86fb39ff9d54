#include "machine/threads.hpp"

#include "workloads/echo_sweep.hpp"
#include "workloads/echo_trial.hpp"
#include "workloads/network.hpp"

#include <set>

namespace iobench {

namespace {

std::string limit_here() {
    const thread_limit limit = most_threads();
    return limit.count == 0 ? "" : " Here it is " + std::to_string(limit.count) + " threads, by " + limit.by + ".";
}

const description text{
    .name = "threads",
    .title = "a thread per connection",
    .says =
        std::string(
            "The echo of 64 bytes by a blocking call on a thread for each connection (a stack of 64 KiB, of which only "
            "what is touched costs memory), beside an epoll loop. Each message wakes a thread: that switch is the "
            "cost. Where a limit on threads, descriptors or memory is reached, the trial is left out, with what the "
            "server "
            "said.") +
        limit_here(),
    .axis = "connections",
    .metrics = {cpu_per_message(),
                switches_per_message(),
                messages_per_second(),
                latency("p50_us"),
                latency("p99_us"),
                {"bytes_per_connection", "memory of the server per connection", "bytes"},
                {"threads", "threads", ""}},
};

class threads : public echo_sweep {
  public:
    const description& about() const override { return text; }

    std::vector<contender> contenders() const override {
        static const std::set<std::string> wanted = {"bare/threads", "penstock/threads", "bare/epoll"};
        std::vector<contender> all;
        for (contender& one : echo_contenders()) {
            if (wanted.contains(one.name)) all.push_back(std::move(one));
        }
        return all;
    }

    std::string left_out(const contender&, const point&) const override { return {}; }

  protected:
    std::vector<double> places(scale much) const override {
        if (much == scale::quick) return {100, 1000};
        if (much == scale::survey) return {100, 1000, 5000};
        return {100, 500, 1000, 2000, 5000, 10000};
    }
    std::string name_of(double x) const override { return std::to_string(static_cast<int>(x)) + " connections"; }
    echo_job job(double x) const override { return {.connections = static_cast<std::size_t>(x)}; }
};

}  // namespace

std::shared_ptr<workload> threads_workload() { return std::make_shared<threads>(); }

}  // namespace iobench
