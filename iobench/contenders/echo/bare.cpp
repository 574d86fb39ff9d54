#include "bare/mechanisms.hpp"
#include "contenders/echo/echo_servers.hpp"

namespace iobench {

std::vector<echo_server> bare_echo_servers() {
    std::vector<echo_server> all;
    for (const auto& one : bench::bare_echo_servers()) {
        all.push_back({{"bare/" + std::string(one.name), group::bare}, one.serve});
    }
    return all;
}

}  // namespace iobench
