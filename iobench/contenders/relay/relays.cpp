#include "contenders/relay/relays.hpp"

#include "bare/pumps.hpp"
#include "support/sockets.hpp"

#include <liburing.h>
#include <signal.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace iobench {

namespace {

/// Why io_uring can't do it here; empty if it can.
std::string why_not_in_ring(int opcode, const char* name) {
    const std::unique_ptr<io_uring_probe, void (*)(io_uring_probe*)> probe(::io_uring_get_probe(),
                                                                           ::io_uring_free_probe);
    if (probe == nullptr) return "the kernel refuses io_uring";
    return ::io_uring_opcode_supported(probe.get(), opcode) != 0 ? "" : std::string("the kernel has no ") + name;
}

int serve(std::span<const std::string> arguments) {
    const auto all = relays();
    const auto chosen = std::ranges::find_if(all, [&](const relay& one) {
        return arguments.size() == 2 && one.who.name == arguments[0] && one.who.unavailable.empty();
    });
    const auto upstream = arguments.size() == 2 ? bench::parse_address(arguments[1]) : std::nullopt;
    if (chosen == all.end() || !upstream) {
        std::fputs("relay: no such relay here\n", stderr);
        return 2;
    }
    ::signal(SIGPIPE, SIG_IGN);
    bench::raise_descriptor_limit();
    const int listener = bench::listen_on(*bench::parse_address("127.0.0.1:0"));
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    chosen->serve(listener, *upstream);
    return 0;
}

}  // namespace

std::vector<relay> bare_relays() {
    const std::string no_ring = why_not_in_ring(IORING_OP_SEND, "IORING_OP_SEND");
    const std::string no_zero_copy = why_not_in_ring(IORING_OP_SEND_ZC, "IORING_OP_SEND_ZC");
    return {{{"bare/epoll copy", group::bare}, bench::pump_with_epoll},
            {{"bare/epoll splice", group::bare}, bench::pump_with_splice},
            {{"bare/io_uring", group::bare, no_ring}, bench::pump_with_io_uring},
            {{"bare/io_uring zero-copy", group::bare, no_zero_copy}, bench::pump_with_io_uring_zero_copy}};
}

std::vector<relay> relays() {
    std::vector<relay> all = penstock_relays();
    for (relay& one : bare_relays()) all.push_back(std::move(one));
    return all;
}

role relay_role() { return {"relay", serve}; }

}  // namespace iobench
