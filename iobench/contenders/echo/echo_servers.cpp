#include "contenders/echo/echo_servers.hpp"

#include "support/sockets.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace iobench {

namespace {

int serve(std::span<const std::string> arguments) {
    const auto servers = echo_servers();
    const auto chosen = std::ranges::find_if(servers, [&](const echo_server& one) {
        return arguments.size() == 1 && one.who.name == arguments[0] && one.who.unavailable.empty();
    });
    if (chosen == servers.end()) {
        std::fputs("echo-server: no such server here\n", stderr);
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);  // an AIO write to a connection that is gone can't say MSG_NOSIGNAL
    bench::raise_descriptor_limit();
    const int listener = bench::listen_on(*bench::parse_address("127.0.0.1:0"));
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    chosen->serve(listener);
    return 0;
}

}  // namespace

std::vector<echo_server> echo_servers() {
    std::vector<echo_server> all;
    for (auto* const some : {penstock_echo_servers, bare_echo_servers, ring_feature_echo_servers, peer_echo_servers}) {
        for (echo_server& one : some()) all.push_back(std::move(one));
    }
    return all;
}

role echo_server_role() { return {"echo-server", serve}; }

}  // namespace iobench
