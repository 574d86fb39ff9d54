#include "contenders/overflow/overflow_servers.hpp"

#include "contenders/echo/echo_servers.hpp"
#include <penstock/loop.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace iobench {

namespace {

/// Answers lines on standard input, on a thread of its own: no descriptor of the loop is about that.
void answer_questions(std::atomic<penstock::loop*>& loop) {
    const auto say = [](std::uint64_t turns, std::uint64_t overflows) {
        std::printf("{\"turns\": %llu, \"overflows\": %llu}\n", static_cast<unsigned long long>(turns),
                    static_cast<unsigned long long>(overflows));
        std::fflush(stdout);
    };
    for (std::string line; std::getline(std::cin, line);) {
        penstock::loop* const counting = loop;
        if (counting == nullptr) {
            say(0, 0);
        } else {
            counting->post([=] {
                const auto figures = counting->statistics();
                say(figures.turns, figures.overflows);
            });
        }
    }
}

void allow_signals(::rlim_t count) {
    ::rlimit limit{};
    ::getrlimit(RLIMIT_SIGPENDING, &limit);
    limit.rlim_cur = std::min(count, limit.rlim_max);
    ::setrlimit(RLIMIT_SIGPENDING, &limit);
}

int serve(std::span<const std::string> arguments) {
    if (arguments.size() != 2) return std::fputs("usage: overflow-server NAME SIGNALS\n", stderr), 2;
    if (const int signals = std::atoi(arguments[1].c_str()); signals > 0) allow_signals(static_cast<::rlim_t>(signals));
    static std::atomic<penstock::loop*> loop = nullptr;
    std::thread(answer_questions, std::ref(loop)).detach();
    on_penstock_loop([](penstock::loop& made) { loop = &made; });
    return echo_server_role().run(arguments.first(1));
}

}  // namespace

std::vector<contender> overflow_servers() {
    std::vector<contender> all;
    for (const echo_server& one : echo_servers()) {
        if (one.who.name.ends_with("/sigio")) all.push_back(one.who);
    }
    return all;
}

role overflow_server_role() { return {"overflow-server", serve}; }

}  // namespace iobench
