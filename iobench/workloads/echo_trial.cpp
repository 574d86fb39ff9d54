#include "workloads/echo_trial.hpp"

#include "contenders/echo/echo_servers.hpp"
#include "process/child.hpp"

#include <algorithm>
#include <thread>

namespace iobench {

namespace {

constexpr double select_limit = 1000;       // descriptors below FD_SETSIZE, and some for the program itself
constexpr double thread_limit = 2000;       // connections of a server with a thread for each
constexpr double start_and_end = 0.05;      // seconds
constexpr double per_connection = 0.00008;  // to connect, to exchange the first message, and to close
constexpr double gib = 1024.0 * 1024 * 1024;

/// Inline assembly of liburing goes by uncounted; of the penstock library and the bare loops it is not used.
bool calls_are_seen(const contender& who) { return who.of != group::peer || !who.name.contains("io_uring"); }

sample figures(const usage& before, const usage& after, const echo_result& done, const echo_job& job) {
    const auto per_message = [&](std::uint64_t from, std::uint64_t to) {
        return static_cast<double>(to - from) / done.messages;
    };
    const double cpu = static_cast<double>(after.cpu_nanoseconds - before.cpu_nanoseconds) / 1e9;
    const double moved = done.messages * static_cast<double>(job.message_size) / gib;
    return {{"cpu_us", cpu * 1e6 / done.messages},
            {"rate", done.messages / done.seconds},
            {"p50_us", done.p50_us},
            {"p90_us", done.p90_us},
            {"p99_us", done.p99_us},
            {"p999_us", done.p999_us},
            {"p9999_us", done.p9999_us},
            {"calls", per_message(total(before.calls), total(after.calls))},
            {"waits", per_message(waits(before.calls), waits(after.calls))},
            {"epoll_ctl", per_message(count_of(before.calls, call::epoll_ctl), count_of(after.calls, call::epoll_ctl))},
            {"switches", per_message(before.voluntary_switches + before.involuntary_switches,
                                     after.voluntary_switches + after.involuntary_switches)},
            {"resident", static_cast<double>(after.resident_bytes)},
            {"threads", static_cast<double>(after.threads)},
            {"cpu_s_gib", cpu / moved},
            {"gib_s", moved / done.seconds}};
}

}  // namespace

std::vector<contender> echo_contenders() {
    std::vector<contender> all;
    for (const echo_server& one : echo_servers()) {
        if (!one.who.name.contains(':') && !one.who.name.starts_with("bare/ring")) all.push_back(one.who);
    }
    return all;
}

std::string size_text(double bytes) {
    constexpr double kibi = 1024;
    if (bytes < kibi) return std::to_string(static_cast<int>(bytes)) + " bytes";
    if (bytes < kibi * kibi) return std::to_string(static_cast<int>(bytes / kibi)) + " KiB";
    return std::to_string(static_cast<int>(bytes / kibi / kibi)) + " MiB";
}

std::expected<void, std::string> echo_trial::open(echo_job job, const std::vector<std::string>& words) {
    job_ = std::move(job);
    auto server = child::in_role(words, core::server);
    if (!server) return std::unexpected(server.error());
    server_.emplace(std::move(*server));
    const auto said = server_->read_line();
    if (!said) return std::unexpected(said.error());
    job_.address = said->substr(said->rfind(' ') + 1);
    resident_alone_ = resident();
    auto load = echo_load::open(job_);
    if (!load) return std::unexpected(why(load.error()));
    load_.emplace(std::move(*load));
    return {};
}

std::expected<sample, std::string> echo_trial::run() {
    const auto before = server_->used();
    const auto done = load_->run();
    const auto after = server_->used();
    if (!done) return std::unexpected(why(done.error()));
    if (!before || !after) return std::unexpected(why("it has ended"));
    sample all = figures(*before, *after, *done, job_);
    const double grown = static_cast<double>(after->resident_bytes) - resident_alone_;
    all["bytes_per_connection"] = grown / static_cast<double>(job_.connections);
    all["unsent"] = done->unsent / (done->messages + done->unsent);
    if (!calls_are_seen(who_)) {
        for (const char* const name : {"calls", "waits", "epoll_ctl"}) all.erase(name);
    }
    std::erase_if(all, [&](const auto& each) { return std::ranges::count(metrics_, each.first, &metric::name) == 0; });
    return all;
}

double echo_trial::resident() const {
    const auto now = server_->used();
    return now ? static_cast<double>(now->resident_bytes) : 0;
}

/// A load only sees that the server is gone; the server has said why.
std::string echo_trial::why(const std::string& load_says) {
    const auto said = server_->read_line(std::chrono::milliseconds(200));
    return said || said.error().ends_with("for too long") ? load_says : said.error();
}

std::expected<double, std::string> echo_trial::cores_in_use(std::chrono::duration<double> during) const {
    const auto before = server_->used();
    const auto began = std::chrono::steady_clock::now();
    std::this_thread::sleep_for(during);
    const auto after = server_->used();
    if (!before || !after) return std::unexpected((before ? after : before).error());
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - began;
    return static_cast<double>(after->cpu_nanoseconds - before->cpu_nanoseconds) / took.count();
}

std::expected<sample, std::string> run_echo_trial(const contender& who, const echo_job& job,
                                                  const std::vector<metric>& metrics) {
    echo_trial trial(who, metrics);
    if (const auto opened = trial.open(job); !opened) return std::unexpected(opened.error());
    return trial.run();
}

metric cpu_per_message() { return {"cpu_us", "CPU per message", "µs"}; }
metric messages_per_second() { return {"rate", "messages per second", "1/s", false}; }
metric calls_per_message() { return {"calls", "system calls per message", ""}; }
metric waits_per_message() { return {"waits", "calls that wait, per message", ""}; }
metric epoll_ctl_per_message() { return {"epoll_ctl", "calls of epoll_ctl per message", ""}; }
metric switches_per_message() { return {"switches", "context switches per message", ""}; }

metric latency(const std::string& name) {
    static const std::map<std::string, std::string> titles = {{"p50_us", "latency, median"},
                                                              {"p90_us", "latency, 90th percentile"},
                                                              {"p99_us", "latency, 99th percentile"},
                                                              {"p999_us", "latency, 99.9th percentile"},
                                                              {"p9999_us", "latency, 99.99th percentile"}};
    return {name, titles.at(name), "µs"};
}

std::chrono::duration<double> besides_echoes(double connections) {
    return std::chrono::duration<double>(start_and_end + connections * per_connection);
}

std::string too_many_connections(const contender& who, double connections) {
    if (who.name.ends_with("/select") && connections > select_limit) return "select takes descriptors below 1024 only";
    if (who.name.ends_with("/threads") && connections > thread_limit) {
        return "a thread for each connection; how far that goes is the workload `threads`";
    }
    return {};
}

}  // namespace iobench
