#include "workloads/overflow.hpp"

#include "contenders/overflow/overflow_servers.hpp"
#include "load/burst.hpp"
#include "process/child.hpp"

#include <nlohmann/json.hpp>

namespace iobench {

namespace {

constexpr std::size_t connections = 1000;
constexpr double short_queue = 64;

const description text{
    .name = "overflow",
    .title = "the queue of signals overflows",
    .says =
        "Signal-driven I/O with a thousand connections, all of which say something at once while the server is "
        "stopped; then it goes on. With a queue of 64 signals (RLIMIT_SIGPENDING) most of them are dropped by the "
        "kernel, which says plain SIGIO instead: the server has to ask every descriptor. Messages that never come "
        "back are lost; there must be none. The other point is the same with the usual queue.",
    .metrics = {{"cpu_us", "CPU per message", "µs"},
                {"lost", "messages lost", ""},
                {"recovery_ms", "until a burst is answered", "ms"},
                {"overflows", "overflows per burst", ""},
                {"turns", "turns per burst", ""}},
};

struct counted {
    double turns = 0;
    double overflows = 0;
};

class overflow : public workload {
  public:
    const description& about() const override { return text; }
    std::vector<point> points(scale) const override { return {{"64 signals", short_queue}, {"usual queue"}}; }
    std::vector<contender> contenders() const override { return overflow_servers(); }
    std::chrono::duration<double> besides(const contender&, const point&) const override {
        return std::chrono::duration<double>(0.5);  // connecting, and pauses between bursts
    }
    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        const int signals = at.x > 0 ? static_cast<int>(at.x) : 0;
        auto server = child::in_role({"overflow-server", who.name, std::to_string(signals)}, core::server);
        if (!server) return std::unexpected(server.error());
        const auto said = server->read_line();
        if (!said) return std::unexpected(said.error());
        auto load = burst_load::open(said->substr(said->rfind(' ') + 1), connections);
        if (!load) return std::unexpected(load.error());
        return bursts(*server, *load, each);
    }

  private:
    static std::expected<sample, std::string> bursts(child& server, burst_load& load, const pace& each) {
        const auto counts_before = ask(server);
        const auto before = server.used();
        if (!counts_before || !before) return std::unexpected(counts_before ? before.error() : counts_before.error());
        double sent = 0;
        double back = 0;
        double seconds = 0;
        int done = 0;
        while (done < 3 || seconds < each.length.count()) {
            const auto burst = load.send_all_while_stopped(server.pid());
            if (!burst) return std::unexpected(burst.error());
            sent += static_cast<double>(connections);
            back += static_cast<double>(burst->answered);
            seconds += burst->seconds;
            ++done;
            if (burst->answered < connections) break;  // those connections are stuck
        }
        const auto after = server.used();
        if (!after) return std::unexpected(after.error());
        sample taken{{"cpu_us", static_cast<double>(after->cpu_nanoseconds - before->cpu_nanoseconds) / 1000 / back},
                     {"lost", sent - back},
                     {"recovery_ms", seconds / done * 1000}};
        const auto counts = ask(server);
        if (counts && counts->turns > 0) {
            taken["turns"] = (counts->turns - counts_before->turns) / done;
            taken["overflows"] = (counts->overflows - counts_before->overflows) / done;
        }
        return taken;
    }

    static std::expected<counted, std::string> ask(child& server) {
        if (const auto told = server.tell("counts"); !told) return std::unexpected(told.error());
        const auto said = server.read_line();
        if (!said) return std::unexpected(said.error());
        const auto parsed = nlohmann::json::parse(*said, nullptr, false);
        if (parsed.is_discarded()) return std::unexpected("not understood: " + *said);
        return counted{parsed.at("turns"), parsed.at("overflows")};
    }
};

}  // namespace

std::shared_ptr<workload> overflow_workload() { return std::make_shared<overflow>(); }

}  // namespace iobench
