#include "workloads/mixed.hpp"

#include "contenders/files/file_contenders.hpp"
#include "contenders/files/mixed_server.hpp"
#include "contenders/files/storage.hpp"
#include "load/echo_load.hpp"
#include "process/child.hpp"

#include <charconv>

namespace iobench {

namespace {

constexpr std::uint64_t bytes = std::uint64_t{64} << 20;
constexpr std::size_t connections = 32;

const description text{
    .name = "mixed",
    .title = "echoes of 64 bytes while the same loop reads files",
    .says =
        "32 connections as in echo, and in the same loop eight tasks, each of which reads a random page of 4 KiB and "
        "then pauses for a millisecond. Without files it is the echo alone. CPU is that of the whole server, the reads "
        "included. A backend that would sleep on the disk shows it in the latency of the echoes.",
    .metrics = {{"cpu_us", "CPU per message, reads included", "µs"},
                {"p99_us", "latency of the echoes, 99th percentile", "µs"},
                {"p50_us", "latency of the echoes, median", "µs"},
                {"rate", "messages per second", "1/s", false},
                {"reads", "reads per second beside", "1/s", false},
                {"switches", "context switches per message", ""}},
};

std::expected<double, std::string> reads_of(child& server) {
    if (const auto told = server.tell("reads"); !told) return std::unexpected(told.error());
    const auto said = server.read_line();
    if (!said) return std::unexpected(said.error());
    double count = 0;
    std::from_chars(said->data(), said->data() + said->size(), count);
    return count;
}

class mixed : public workload {
  public:
    const description& about() const override { return text; }

    std::vector<point> points(scale much) const override {
        std::vector<point> all = {{"no files"}, {"4 KiB reads, cache hot"}};
        if (much >= scale::survey) all.push_back({"4 KiB reads, O_DIRECT"});
        if (much >= scale::full) all.push_back({"4 KiB reads, cache cold"});
        return all;
    }

    std::vector<contender> contenders() const override {
        std::vector<contender> all;
        for (const file_contender& one : penstock_file_contenders()) all.push_back(one.who);
        return all;
    }

    std::string left_out(const contender&, const point& at) const override {
        return at.name.ends_with("O_DIRECT") || at.name.ends_with("cold") ? no_disk() : "";
    }

    std::expected<sample, std::string> measure(const contender& who, const point& at, const pace& each) override {
        mixed_setup setup{.backend = who.name.substr(who.name.find('/') + 1)};
        if (at.name != "no files") {
            const auto files = data_files::of(1, bytes);
            if (!files) return std::unexpected(files.error());
            setup.path = (*files)->paths().front();
            setup.bytes = bytes;
            setup.seed = (*files)->seed();
            setup.direct = at.name.ends_with("O_DIRECT");
            at.name.ends_with("hot") ? (*files)->read_into_cache() : (*files)->drop_from_cache();
        }
        auto server = child::in_role({"mixed-server", to_json(setup).dump()}, core::server);
        if (!server) return std::unexpected(server.error());
        return take(*server, each);
    }

  private:
    static std::expected<sample, std::string> take(child& server, const pace& each) {
        const auto said = server.read_line();
        if (!said) return std::unexpected(said.error());
        auto load = echo_load::open({.address = said->substr(said->rfind(' ') + 1),
                                     .connections = connections,
                                     .seconds = each.length.count(),
                                     .warm_up = each.warm_up.count()});
        if (!load) return std::unexpected(load.error());
        const auto reads_before = reads_of(server);
        const auto before = server.used();
        const auto done = load->run();
        const auto after = server.used();
        const auto reads_after = reads_of(server);
        if (!done) return std::unexpected(done.error());
        if (!before || !after) return std::unexpected((before ? after : before).error());
        if (!reads_before || !reads_after) return std::unexpected((reads_before ? reads_after : reads_before).error());
        const auto per_message = [&](std::uint64_t usage::* of) {
            return static_cast<double>((*after).*of - (*before).*of) / done->messages;
        };
        return sample{
            {"cpu_us", per_message(&usage::cpu_nanoseconds) / 1000},
            {"p99_us", done->p99_us},
            {"p50_us", done->p50_us},
            {"rate", done->messages / done->seconds},
            {"reads", (*reads_after - *reads_before) / done->seconds},
            {"switches", per_message(&usage::voluntary_switches) + per_message(&usage::involuntary_switches)}};
    }
};

}  // namespace

std::shared_ptr<workload> mixed_workload() { return std::make_shared<mixed>(); }

}  // namespace iobench
