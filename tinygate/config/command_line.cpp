#include "config/command_line.hpp"

#include <penstock/version.hpp>

#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string_view>

namespace tinygate {

using penstock::duration;
using penstock::endpoint;

namespace {

constexpr int misuse = 2;

constexpr const char* description =
    "A reverse proxy for HTTP/1.1 that runs on the best I/O mechanism it may use here.\n"
    "ADDR is 127.0.0.1:8080, [::1]:8080, *:8080 or unix:/path.";

constexpr const char* examples =
    "Examples:\n"
    "  tinygate --listen 127.0.0.1:8080 --to 127.0.0.1:9000\n"
    "  tinygate --listen '*:80' --to 10.0.0.1:8080,10.0.0.2:8080 --workers 4 --access-log access.json\n"
    "  tinygate --listen unix:/run/gate --to unix:/run/app --backend epoll\n"
    "  tinygate backends\n"
    "Signals: SIGTERM and SIGINT drain (requests under way are answered, 30 s at most), twice stop at once.";

/// "1500ms", "10s", "2m", "1h"; a bare number is seconds.
std::optional<duration> read_duration(std::string_view text) {
    std::size_t used = 0;
    double value = 0;
    try {
        value = std::stod(std::string(text), &used);
    } catch (const std::exception&) {
        return std::nullopt;
    }
    const std::string_view unit = text.substr(used);
    const double seconds = unit == "ms"                  ? value / 1000
                           : unit.empty() || unit == "s" ? value
                           : unit == "m"                 ? value * 60
                           : unit == "h"                 ? value * 3600
                                                         : -1;
    if (!(seconds >= 0.001 && seconds <= 366.0 * 86'400)) return std::nullopt;
    return std::chrono::duration_cast<duration>(std::chrono::duration<double>(seconds));
}

/// "4096", "16k", "1m", "2g".
std::optional<std::uint64_t> read_size(std::string_view text) {
    std::size_t used = 0;
    unsigned long long value = 0;
    try {
        if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt;
        value = std::stoull(std::string(text), &used);
    } catch (const std::exception&) {
        return std::nullopt;
    }
    const std::string_view unit = text.substr(used);
    const int shift = unit.empty() ? 0 : unit == "k" ? 10 : unit == "m" ? 20 : unit == "g" ? 30 : -1;
    if (shift < 0 || (value << shift) >> shift != value) return std::nullopt;
    return value << shift;
}

[[noreturn]] void refuse(const char* option, const std::string& why) { throw CLI::ValidationError(option, why); }

void read_addresses(const char* option, const std::vector<std::string>& texts, std::vector<endpoint>& into) {
    for (const std::string& text : texts) {
        auto parsed = endpoint::parse(text);
        if (!parsed) refuse(option, parsed.error().message);
        into.push_back(*parsed);
    }
}

void add_duration(CLI::App& app, const char* option, duration& into, const char* help) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(into).count();
    app.add_option_function<std::string>(
           option,
           [&into, option](const std::string& text) {
               const auto read = read_duration(text);
               if (!read) refuse(option, "'" + text + "' is not a time; write 500ms, 10s, 2m or 1h");
               into = *read;
           },
           std::string(help) + " [" + std::to_string(seconds) + "s]")
        ->type_name("TIME")
        ->group("Time limits");
}

void add_size(CLI::App& app, const char* option, std::uint64_t& into, const char* help) {
    app.add_option_function<std::string>(
           option,
           [&into, option](const std::string& text) {
               const auto read = read_size(text);
               if (!read) refuse(option, "'" + text + "' is not a size; write 4096, 16k, 1m or 2g");
               into = *read;
           },
           help)
        ->type_name("SIZE")
        ->group("Bounds");
}

std::string first_line(std::string text) {
    const auto end = text.find('\n');
    if (end != std::string::npos) text.resize(end);
    return text;
}

}  // namespace

std::variant<options, show_backends, just_say> read_command_line(int count, const char* const* values) {
    options asked;
    CLI::App app(description, "tinygate");
    app.footer(examples);
    app.set_version_flag("--version", std::string("tinygate ") + penstock::version());
    std::vector<std::string> listen;
    std::vector<std::string> to;
    app.add_option("--listen", listen, "where clients connect; may be repeated")->delimiter(',')->type_name("ADDR");
    app.add_option("--to", to, "upstreams, in turn")->delimiter(',')->type_name("ADDR[,ADDR...]");
    app.add_option("--backend", asked.backend, "the I/O mechanism: auto, or a name that `tinygate backends` shows")
        ->type_name("NAME");
    app.add_option("--workers", asked.workers, "loops, each on a thread of its own; 0: one for each processor")
        ->type_name("N")
        ->check(CLI::Range(0U, 1024U));
    app.add_option("--batch-time", asked.batch_time,
                   "how long a busy worker waits for more to do at once; 0: not at all (io_uring, Linux 6.12)")
        ->type_name("MICROSECONDS")
        ->check(CLI::Range(0U, 10'000U))
        ->capture_default_str();
    app.add_option("--access-log", asked.access_log, "append a JSON line for each request")->type_name("PATH");

    timeouts& t = asked.timeouts;
    add_duration(app, "--head-timeout", t.head, "a request's head, to its last byte");
    add_duration(app, "--connect-timeout", t.connect, "connecting to an upstream");
    add_duration(app, "--response-timeout", t.response, "an upstream's answer to begin");
    add_duration(app, "--body-timeout", t.body, "between two pieces of a body");
    add_duration(app, "--send-timeout", t.send, "a peer that does not read");
    add_duration(app, "--idle-timeout", t.idle, "a connection between requests");
    add_duration(app, "--tunnel-timeout", t.tunnel, "a tunnel in which nothing moves");
    add_duration(app, "--drain-timeout", t.drain, "requests under way when the end has begun");
    bounds& b = asked.bounds;
    add_size(app, "--max-body", b.body, "a request's body; 413 beyond it [16g]");
    app.add_option("--max-connections", b.connections, "clients per worker; accepting pauses at the limit")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}))
        ->capture_default_str()
        ->group("Bounds");
    app.add_option("--max-upstream-connections", b.upstream_connections, "per worker and upstream; 503 beyond it")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{1}, std::size_t{10'000'000}))
        ->capture_default_str()
        ->group("Bounds");
    app.add_option(
           "--pipeline", b.pipelines,
           "connections per worker and upstream that carry the GET and HEAD requests of many clients, one behind "
           "the other; 0: every request has a connection to itself")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{0}, std::size_t{1'024}))
        ->capture_default_str()
        ->group("Bounds");
    app.add_option("--pipeline-depth", b.pipeline_depth, "requests under way on each of those; others go alone")
        ->type_name("N")
        ->check(CLI::Range(std::size_t{2}, std::size_t{4'096}))
        ->capture_default_str()
        ->group("Bounds");

    const CLI::App* const backends =
        app.add_subcommand("backends", "show which I/O mechanisms work on this machine, and why others do not");
    try {
        app.parse(count, values);
        if (backends->parsed()) return show_backends{};
        if (listen.empty()) refuse("--listen", "say where clients connect, for instance --listen 127.0.0.1:8080");
        if (to.empty()) refuse("--to", "say where requests go, for instance --to 127.0.0.1:9000");
        read_addresses("--listen", listen, asked.listen);
        read_addresses("--to", to, asked.to);
        for (const endpoint& e : asked.to) {
            if (e.family() != penstock::address_family::unix_path && e.port() == 0) {
                refuse("--to", e.to_string() + " has port 0; upstreams need a real one");
            }
        }
    } catch (const CLI::Success& asked_for) {
        std::ostringstream text;
        app.exit(asked_for, text, text);
        return just_say{.text = text.str(), .status = 0};
    } catch (const CLI::ParseError& wrong) {
        return just_say{.text = "tinygate: " + first_line(wrong.what()) + " (tinygate --help lists the options)\n",
                        .status = misuse};
    }
    return asked;
}

}  // namespace tinygate
