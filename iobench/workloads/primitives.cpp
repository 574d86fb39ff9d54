#include "workloads/primitives.hpp"

#include "machine/backends.hpp"
#include "primitives/placement.hpp"
#include "primitives/primitives.hpp"
#include <penstock/explain.hpp>

#include <algorithm>

namespace iobench {

namespace {

const metric wall{"ns", "time each", "ns"};
const metric cpu{"cpu_ns", "CPU each", "ns"};  // does not mind who else runs on this machine

sample as_sample(const timing& taken) { return {{"ns", taken.nanoseconds}, {"cpu_ns", taken.cpu_nanoseconds}}; }

std::expected<sample, std::string> measured(const std::string& set, const std::string& name, const pace& each, int of,
                                            core where) {
    const auto taken = measure_primitive(set, name, each.length.count(), of, where);
    if (!taken) return std::unexpected(taken.error());
    return as_sample(*taken);
}

class primitives : public workload {
  public:
    const description& about() const override {
        static const description text{
            .name = "primitives",
            .title = "what the machine's basic steps cost",
            .says =
                "One thread on one core repeats one thing: a system call that does next to nothing (getppid), a "
                "switch to another thread of the same core (a byte through pipes to and fro; the pipes' own calls "
                "are taken off), an empty request to each ring. All else that is measured is made of these.",
            .metrics = {cpu, wall}};
        return text;
    }
    std::vector<point> points(scale) const override {
        std::vector<point> all;
        for (const primitive& one : machine_primitives()) all.push_back({one.name});
        return all;
    }
    std::vector<contender> contenders() const override { return {{"machine", group::bare}}; }
    std::expected<sample, std::string> measure(const contender&, const point& at, const pace& each) override {
        return measured("machine", at.name, each, 0, core::server);
    }
};

class readiness : public workload {
  public:
    const description& about() const override {
        static const description text{
            .name = "readiness",
            .title = "asking which of N descriptors is ready",
            .says =
                "One of N eventfds is ready, and the kernel is asked for it again and again. What grows with N is "
                "paid on every turn of a loop, whether the connections say something or not. io_uring and "
                "linux_aio ask anew for the ready one only; their other requests stay with the kernel.",
            .axis = "descriptors",
            .metrics = {cpu, wall}};
        return text;
    }
    std::vector<point> points(scale much) const override {
        std::vector<int> counts = {1, 100, 1000};
        if (much != scale::quick) counts = {1, 10, 100, 1000, 10000};
        std::vector<point> all;
        for (const int n : counts) {
            all.push_back({std::to_string(n) + (n == 1 ? " descriptor" : " descriptors"), static_cast<double>(n)});
        }
        return all;
    }
    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const primitive& one : readiness_questions()) all.push_back({one.name, group::bare});
        return all;
    }
    std::string left_out(const contender& who, const point& at) const override {
        constexpr double select_limit = 1000;  // and some descriptors of the program itself, below FD_SETSIZE
        if (who.name.ends_with("/select") && at.x > select_limit) return "select takes descriptors below 1024 only";
        return {};
    }
    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        return measured("readiness", who.name, each, static_cast<int>(at.x), core::server);
    }
};

class wake : public workload {
  public:
    const description& about() const override {
        static const description text{
            .name = "wake",
            .title = "one thread wakes another",
            .says =
                "Two threads sleep and wake each other in turn; the time is that of one way, from the call that "
                "wakes to the other one running. With penstock, two loops post() functions to each other. On two "
                "cores it is mostly the time that an idle core takes to leave its sleep, which is the "
                "machine's, or its hypervisor's.",
            .metrics = {wall, cpu}};
        return text;
    }
    std::vector<point> points(scale) const override { return {{"one core"}, {"two cores"}}; }
    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const primitive& one : wake_ups()) {
            all.push_back({one.name, one.name.starts_with("penstock/") ? group::penstock : group::bare});
        }
        for (const auto& one : surveyed_backends()) {
            if (!one.works) all.push_back({"penstock/" + one.name, group::penstock, one.why_not});
        }
        return all;
    }
    std::string left_out(const contender&, const point& at) const override {
        return at.name == "two cores" && cores_allowed() < 2 ? "this process may use one core only" : "";
    }
    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        return measured("wake", who.name, each, at.name == "one core" ? 1 : 2, core::any);
    }
};

}  // namespace

std::shared_ptr<workload> primitives_workload() { return std::make_shared<primitives>(); }
std::shared_ptr<workload> readiness_workload() { return std::make_shared<readiness>(); }
std::shared_ptr<workload> wake_workload() { return std::make_shared<wake>(); }

}  // namespace iobench
