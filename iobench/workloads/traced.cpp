#include "workloads/traced.hpp"

#include "load/echo_load.hpp"
#include "process/child.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

namespace iobench {

namespace {

constexpr const char* server_name = "bare/epoll";
constexpr std::size_t connections = 32;

const description text{
    .name = "traced",
    .title = "a server under strace",
    .says =
        "The echo server that is a bare loop on epoll, by itself and under strace (all calls, all threads, what it "
        "says thrown away). Each system call of a traced process stops it twice and wakes the tracer on the same "
        "core; a server makes hardly anything but system calls.",
    .metrics = {{"cpu_us", "CPU per message, with the tracer's", "µs"}, {"rate", "messages per second", "1/s", false}},
};

bool is_in_path(const std::string& program) {
    const char* const path = std::getenv("PATH");
    std::istringstream folders(path == nullptr ? "/usr/bin:/bin" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    }
    return false;
}

std::expected<child, std::string> start(bool traced) {
    if (!traced) return child::in_role({"echo-server", server_name}, core::server);
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    if (error) return std::unexpected("/proc/self/exe: " + error.message());
    return child::program(
        {"strace", "-f", "-qq", "-o", "/dev/null", self.string(), "--role", "echo-server", server_name}, core::server);
}

class traced : public workload {
  public:
    const description& about() const override { return text; }
    std::vector<point> points(scale) const override { return {{std::to_string(connections) + " connections"}}; }
    std::vector<contender> contenders() const override {
        return {{server_name, group::bare},
                {std::string(server_name) + "+strace", group::bare, is_in_path("strace") ? "" : "there is no strace"}};
    }
    std::chrono::duration<double> besides(const contender&, const point&) const override {
        return std::chrono::duration<double>(0.3);
    }
    std::expected<sample, std::string> measure(const contender& who, const point&, const pace& each) override {
        auto server = start(who.name != server_name);
        if (!server) return std::unexpected(server.error());
        const auto said = server->read_line();
        if (!said) return std::unexpected(said.error());
        auto load = echo_load::open({.address = said->substr(said->rfind(' ') + 1),
                                     .connections = connections,
                                     .seconds = each.length.count(),
                                     .warm_up = each.warm_up.count()});
        if (!load) return std::unexpected(load.error());
        const auto before = server->used();
        const auto done = load->run();
        const auto after = server->used();
        if (!done) return std::unexpected(done.error());
        if (!before || !after) return std::unexpected(who.name + ": it has ended");
        const auto cpu = static_cast<double>(after->cpu_nanoseconds - before->cpu_nanoseconds);
        return sample{{"rate", done->messages / done->seconds}, {"cpu_us", cpu / 1000 / done->messages}};
    }
};

}  // namespace

std::shared_ptr<workload> traced_workload() { return std::make_shared<traced>(); }

}  // namespace iobench
