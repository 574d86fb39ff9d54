// The bare pumps behind one command line: `bare_pump --mechanism NAME --listen 127.0.0.1:0 --to 127.0.0.1:PORT`.

#include "bare/pumps.hpp"
#include "support/arguments.hpp"
#include "support/sockets.hpp"

#include <cstdio>
#include <map>
#include <string>

namespace {

sockaddr_in address(const bench::arguments& arguments, const char* option) {
    const auto parsed = bench::parse_address(arguments.text(option));
    if (!parsed) {
        arguments.misuse("'" + arguments.text(option) + "' is not an IPv4 address and port");
    }
    return *parsed;
}

}  // namespace

int main(int count, char** values) {
    const bench::arguments arguments{
        count,
        values,
        {.usage = "bare_pump --mechanism io_uring|epoll|splice --listen 127.0.0.1:PORT --to 127.0.0.1:PORT",
         .options = {"--mechanism", "--listen", "--to"},
         .flags = {}}};
    const std::map<std::string, decltype(&bench::pump_with_epoll)> pumps{
        {"io_uring", bench::pump_with_io_uring},
        {"epoll", bench::pump_with_epoll},
        {"splice", bench::pump_with_large_pipes},
    };
    const auto pump = pumps.find(arguments.text("--mechanism"));
    if (pump == pumps.end()) {
        arguments.misuse("unknown mechanism '" + arguments.text("--mechanism") + "'");
    }
    const sockaddr_in upstream = address(arguments, "--to");
    const int listener = bench::listen_on(address(arguments, "--listen"));

    bench::raise_descriptor_limit();
    std::printf("listening on %s\n", bench::local_address(listener).c_str());
    std::fflush(stdout);
    pump->second(listener, upstream);
}
