#include "session/worker.hpp"

#include <algorithm>

namespace tinygate {

using namespace penstock;

namespace {

// As X-Forwarded-For has it: without port and brackets.
std::string address_only(const endpoint& e) {
    switch (e.family()) {
        case address_family::ipv4: {
            const std::string whole = e.to_string();
            return whole.substr(0, whole.rfind(':'));
        }
        case address_family::ipv6: {
            const std::string whole = e.to_string();
            std::string address = whole.substr(1, whole.rfind(']') - 1);
            // What came over IPv4 to a socket for both is told as what it is.
            constexpr std::string_view mapped = "::ffff:";
            return address.starts_with(mapped) && address.contains('.') ? address.substr(mapped.size()) : address;
        }
        case address_family::unix_path:
        case address_family::none: break;
    }
    return "unix:";
}

}  // namespace

worker::worker(const options& asked, const environment& outside)
    : settings(asked),
      upstreams(asked, clock),
      shared(upstreams, asked.bounds),
      log(asked.bounds.access_log, outside),
      default_host(asked.to.front().family() == address_family::unix_path ? "localhost"
                                                                          : asked.to.front().to_string()) {}

task<> worker::meet(net::stream& s) {
    const auto at = static_cast<std::size_t>(s.name().id);
    const std::size_t page = at / clients_per_page;
    if (clients_.size() <= page) clients_.resize(page + 1);
    if (clients_[page] == nullptr) clients_[page] = std::make_unique<client_page>();
    const auto peer = co_await s.peer_endpoint();
    const std::string address = peer ? address_only(*peer) : std::string("unknown");
    client_info& info = (*clients_[page])[at % clients_per_page];
    info.size = static_cast<std::uint8_t>(std::min(address.size(), info.text.size()));
    std::copy_n(address.data(), info.size, info.text.data());
}

}  // namespace tinygate
