// What penstock is held to, as claims: each is judged like those of others, but has the benefit of the doubt.
#include "claims/claims.hpp"

#include <utility>

namespace iobench {

namespace {

constexpr double endless = std::numeric_limits<double>::infinity();

/// At most so many times as much as another; a tie is no worse.
quantity at_most(double limit, const std::string& label, place of, place to) {
    return {
        .label = label, .as = form::ratio, .of = std::move(of), .to = std::move(to), .high = limit, .lenient = true};
}

place echo(const std::string& connections, const std::string& contender) {
    return {"echo", connections, contender, "cpu_us"};
}

std::vector<quantity> to_peers(const std::string& ours, const std::vector<std::string>& peers, double limit) {
    std::vector<quantity> all;
    for (const char* const connections : {"32", "256"}) {
        for (const std::string& peer : peers) {
            all.push_back(at_most(limit, ours + " to " + peer + ", CPU per message at " + connections + " connections",
                                  echo(connections, ours), echo(connections, peer)));
        }
    }
    return all;
}

/// Of the backend that is best with sockets. The others are shown, with what no library there could go below.
std::vector<quantity> to_libuv() {
    std::vector<quantity> all = to_peers("penstock/io_uring", {"libuv"}, 0.95);
    for (const char* const shown : {"bare/io_uring", "penstock/epoll", "bare/epoll"}) {
        for (quantity each : to_peers(shown, {"libuv"}, 0.95)) {
            each.judged = false;
            all.push_back(std::move(each));
        }
    }
    return all;
}

std::vector<quantity> to_bare_loops() {
    constexpr double limit = 1.10;
    constexpr double limit_of_io_uring = 1.05;
    std::vector<quantity> all;
    for (const std::string name : {"io_uring", "epoll", "linux_aio", "poll", "select", "sigio", "threads"}) {
        all.push_back(at_most(name == "io_uring" ? limit_of_io_uring : limit, name + ", CPU per message",
                              echo("256", "penstock/" + name), echo("256", "bare/" + name)));
    }
    return all;
}

/// The same engine of fio's, for the same job.
std::vector<quantity> to_fio(const std::string& workload) {
    constexpr std::pair<const char*, const char*> pairs[] = {{"penstock/io_uring", "fio/io_uring"},
                                                             {"penstock/epoll+linux_aio", "fio/libaio"},
                                                             {"penstock/epoll+threads", "fio/psync"},
                                                             {"penstock/epoll+posix_aio", "fio/posixaio"}};
    std::vector<quantity> all;
    for (const auto& [ours, fios] : pairs) {
        all.push_back({.label = std::string(ours) + " to " + fios + ", operations per second",
                       .as = form::ratio,
                       .of = {workload, "32", ours, "iops"},
                       .to = {workload, "32", fios, "iops"},
                       .low = 0.95,
                       .high = endless,
                       .lenient = true});
    }
    return all;
}

std::vector<quantity> beside_idle_ones() {
    const auto cost = [](const char* idle, const std::string& contender) {
        return place{"idle", idle, contender, "cpu_us"};
    };
    std::vector<quantity> all;
    for (const std::string name : {"penstock/io_uring", "penstock/epoll", "penstock/linux_aio", "penstock/poll"}) {
        all.push_back(
            at_most(1.10, name + ", CPU per message to that with none", cost("15000", name), cost("0", name)));
        all.back().judged = !name.ends_with("/poll");
    }
    return all;
}

std::vector<quantity> per_idle_one() {
    constexpr double limit = 512;
    std::vector<quantity> all;
    for (const std::string name : {"penstock/io_uring", "penstock/epoll", "penstock/linux_aio"}) {
        all.push_back({.label = name,
                       .unit = "bytes",
                       .of = {"idle", "15000", name, "user_bytes"},
                       .high = limit,
                       .lenient = true});
    }
    return all;
}

}  // namespace

const std::vector<claim>& bounds() {
    static const std::vector<claim> all = {
        {.id = "peers",
         .source = "penstock",
         .says = "no worse than any peer on its better backend",
         .figures = to_peers("penstock/io_uring", {"asio/epoll", "asio/io_uring", "libevent"}, 1)},
        {.id = "libuv",
         .source = "penstock",
         .says = "at most 0.95 of libuv on its better backend",
         .figures = to_libuv()},
        {.id = "peers-on-epoll",
         .source = "penstock",
         .says = "on epoll no worse than any peer on epoll",
         .figures = to_peers("penstock/epoll", {"asio/epoll", "libuv", "libevent"}, 1)},
        {.id = "bare-loops",
         .source = "penstock",
         .says = "at most 1.10 of the bare loop of the same mechanism at 256 connections, 1.05 on io_uring",
         .figures = to_bare_loops()},
        {.id = "idle-cpu",
         .source = "penstock",
         .says = "a message beside 15,000 idle connections costs at most 10 % more; poll is shown",
         .figures = beside_idle_ones()},
        {.id = "idle-memory",
         .source = "penstock",
         .says = "an idle connection takes at most 512 bytes of the server",
         .figures = per_idle_one()},
        {.id = "fio-direct",
         .source = "penstock",
         .says = "random reads of 4 KiB with O_DIRECT, 32 under way: at least 95 % of fio's",
         .figures = to_fio("files-random-direct")},
        {.id = "fio-hot",
         .source = "penstock",
         .says = "the same from the page cache",
         .figures = to_fio("files-random-hot")},
        {.id = "fio-cold",
         .source = "penstock",
         .says = "the same through a page cache that is empty",
         .figures = to_fio("files-random-cold")},
    };
    return all;
}

}  // namespace iobench
