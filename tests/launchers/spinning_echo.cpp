// An echo server whose submissions are taken by a thread of the kernel, and whose loop spins: it is to make no system
// calls for its messages, which steady_state.py counts from outside. Ended by a signal.
#include <penstock/penstock.hpp>

#include <cstdio>

using namespace penstock;

namespace {

task<net::after> answer(net::stream& peer) {
    do {
        const auto received = co_await peer.receive();
        if (!received || received->empty()) co_return net::after::close;
        if (!co_await peer.send(received->bytes())) co_return net::after::close;
    } while (peer.has_input());
    co_return net::after::idle;
}

task<int> echo() {
    auto listening = co_await net::listen(endpoint::loopback(0));
    if (!listening) co_return 1;
    const auto at = co_await listening->local_endpoint();
    if (!at) co_return 1;
    std::printf("listening on %s\n", at->to_string().c_str());
    std::fflush(stdout);
    const auto served = co_await net::serve(*listening, {}, answer);
    co_return served ? 0 : 1;
}

}  // namespace

int main() {
    loop_options options{.backend = "io_uring"};
    options.bounds.uring = {.submission_thread = true,
                            .submission_thread_idle = std::chrono::seconds(10),
                            .spin = std::chrono::seconds(10)};
    auto made = loop::create(options);
    if (!made) {
        std::fprintf(stderr, "%s\n", made.error().message.c_str());
        return 1;
    }
    for (const feature_report& f : (*made)->explain().features) {
        if (f.name != "SQPOLL" || f.on) continue;
        std::fprintf(stderr, "SQPOLL: %s\n", f.detail.c_str());
        return 1;
    }
    return (*made)->run(echo());
}
