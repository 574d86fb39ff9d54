// The bare echo servers behind one command line: `bare_echo --mechanism NAME --listen 127.0.0.1:0`.

#include "bare/mechanisms.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string>
#include <string_view>

namespace {

struct mechanism {
    std::string_view name;
    void (*serve)(int listener);
};

constexpr std::array mechanisms{
    mechanism{"io_uring", bench::echo_with_io_uring},
    mechanism{"epoll", bench::echo_with_epoll},
    mechanism{"epoll:level", bench::echo_with_epoll_level},
    mechanism{"epoll:oneshot", bench::echo_with_epoll_one_shot},
    mechanism{"linux_aio", bench::echo_with_linux_aio},
    mechanism{"poll", bench::echo_with_poll},
    mechanism{"select", bench::echo_with_select},
    mechanism{"threads", bench::echo_with_threads},
    mechanism{"sigio", bench::echo_with_sigio},
};

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
    const auto chosen = std::ranges::find(mechanisms, name, &mechanism::name);
    if (chosen == mechanisms.end()) {
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
