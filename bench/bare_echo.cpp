// The bare echo servers behind one command line: `bare_echo --mechanism NAME --listen 127.0.0.1:0`.

#include "bare/mechanisms.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace {

void end_on_sigterm() {
    struct sigaction action{};
    action.sa_handler = [](int) { ::_exit(0); };
    bench::check(::sigaction(SIGTERM, &action, nullptr), "sigaction");
    ::signal(SIGPIPE, SIG_IGN);  // an AIO write to a connection that is gone can't say MSG_NOSIGNAL
}

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{
        count,
        values,
        {.usage = "bare_echo --mechanism io_uring|epoll|epoll:level|epoll:oneshot|linux_aio|poll|select|threads|sigio "
                  "--listen 127.0.0.1:PORT",
         .options = {"--mechanism", "--listen"},
         .flags = {}}};
    const std::string name = arguments.text("--mechanism");
    const auto servers = bench::bare_echo_servers();
    const auto chosen = std::ranges::find(servers, name, &bench::bare_echo_server::name);
    if (chosen == servers.end()) {
        arguments.misuse("unknown mechanism '" + name + "'");
    }
    const auto address = bench::parse_address(arguments.text("--listen"));
    if (!address) {
        arguments.misuse("'" + arguments.text("--listen") + "' is not an IPv4 address and port");
    }

    end_on_sigterm();
    bench::raise_descriptor_limit();
    const int listener = bench::listen_on(*address);
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    chosen->serve(listener);
}
