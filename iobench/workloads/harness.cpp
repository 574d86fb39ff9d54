#include "workloads/harness.hpp"

#include "process/child.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace iobench {

namespace {

using std::chrono::steady_clock;

const description text{
    .name = "harness",
    .title = "what the measuring itself costs",
    .says =
        "A process that does nothing is started, looked at before and after, and ended, as in every other workload. "
        "What is charged to it is what the measuring adds to the CPU of others in a whole trial; it has to be small "
        "beside what a trial measures, which is a tenth of a second and more.",
    .metrics = {{"charged_us", "CPU charged to a process that does nothing", "µs"},
                {"own_cpu_us", "CPU of iobench itself per trial", "µs"},
                {"reading_us", "time to read what a process has used", "µs"},
                {"start_us", "time to start and to end a process", "µs"}}};

constexpr int readings = 10;

int sleep_until_ended(std::span<const std::string>) {
    std::puts("ready");
    std::fflush(stdout);
    for (;;) ::pause();
}

double microseconds(steady_clock::duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

double own_cpu() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& time) {
        return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

class harness : public workload {
  public:
    const description& about() const override { return text; }
    std::vector<point> points(scale) const override { return {{"one trial"}}; }
    std::vector<contender> contenders() const override { return {{"null", group::bare}}; }

    std::expected<sample, std::string> measure(const contender&, const point&, const pace& each) override {
        const double cpu_before = own_cpu();
        const auto begun = steady_clock::now();
        auto process = child::in_role({"nothing"}, core::server);
        if (!process) return std::unexpected(process.error());
        if (const auto said = process->read_line(); !said) return std::unexpected(said.error());
        const auto started = steady_clock::now();
        const auto before = process->used();
        std::this_thread::sleep_for(each.length);
        const auto after = process->used();
        if (!before || !after) return std::unexpected((before ? after : before).error());
        const double cpu_after = own_cpu();

        const auto reading = steady_clock::now();
        for (int i = 0; i < readings; ++i) {
            if (const auto again = process->used(); !again) return std::unexpected(again.error());
        }
        const auto ending = steady_clock::now();
        process->end();
        return sample{{"charged_us", static_cast<double>(after->cpu_nanoseconds - before->cpu_nanoseconds) / 1000},
                      {"own_cpu_us", cpu_after - cpu_before},
                      {"reading_us", microseconds(ending - reading) / readings},
                      {"start_us", microseconds(started - begun) + microseconds(steady_clock::now() - ending)}};
    }
};

}  // namespace

std::shared_ptr<workload> harness_workload() { return std::make_shared<harness>(); }

role nothing_role() { return {"nothing", sleep_until_ended}; }

}  // namespace iobench
