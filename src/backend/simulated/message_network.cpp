#include "backend/simulated/message_network.hpp"

#include "backend/simulated/ephemeral_ports.hpp"
#include "backend/simulated/world.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace penstock::detail {
namespace {

bool covers(const message_socket& socket, const socket_address& host) noexcept {
    if (socket.local.host == host.host) return true;
    if (!socket.local.is_any()) return false;
    if (socket.family == address_family::ipv4) return host.is_ipv4();
    return !host.is_ipv4() || !socket.ipv6_only;
}

bool is_same_place(const socket_address& a, const socket_address& b) noexcept {
    return a.host == b.host && a.port == b.port;
}

/// How well a socket fits what is sent to an address it has: connected to the sender, bound to the very address.
int fit(const message_socket& socket, const socket_address& to) noexcept {
    return (socket.remote ? 2 : 0) + (socket.local.host == to.host ? 1 : 0);
}

}  // namespace

std::int32_t message_network::bind(message_socket& socket) {
    if (socket.is_unix()) {
        if (!socket.local.path.starts_with('@')) {
            if (const std::int32_t r = world_.disk().add_socket(socket.local.path); r < 0) return r;
        } else if (receiver(socket.family, socket.local, {}) != nullptr) {
            return -EADDRINUSE;
        }
    } else {
        if (!socket.local.is_any() && !socket.local.is_loopback()) return -EADDRNOTAVAIL;
        if (socket.local.port == 0) socket.local.port = free_port();
        if (socket.local.port == 0 || is_taken(socket)) return -EADDRINUSE;
    }
    socket.bound = true;
    bound_.push_back(&socket);
    return 0;
}

bool message_network::is_taken(const message_socket& by) const noexcept {
    return std::ranges::any_of(bound_, [&](const message_socket* other) {
        if (other->is_unix() || other->local.port != by.local.port) return false;
        if (!covers(*other, by.local) && !covers(by, other->local)) return false;
        return !(by.reuse_port && other->reuse_port) && !(by.reuse_address && other->reuse_address);
    });
}

std::uint16_t message_network::free_port() noexcept {
    for (int tries = first_ephemeral; tries <= last_ephemeral; ++tries) {
        const std::uint16_t port = next_port_;
        next_port_ = port == last_ephemeral ? first_ephemeral : static_cast<std::uint16_t>(port + 1);
        if (std::ranges::none_of(bound_, [&](const auto* other) { return other->local.port == port; })) return port;
    }
    return 0;
}

void message_network::forget(const message_socket& socket) noexcept {
    std::erase_if(bound_, [&](const auto* other) { return other == &socket; });
}

message_socket* message_network::receiver(address_family family, const socket_address& to,
                                          const socket_address& from) noexcept {
    std::vector<message_socket*> best;
    for (message_socket* const each : bound_) {
        if (each->is_unix() != (family == address_family::unix_path)) continue;
        if (each->is_unix()) {
            if (each->local.path == to.path) return each;
            continue;
        }
        if (each->local.port != to.port || !covers(*each, to)) continue;
        if (each->remote && !is_same_place(*each->remote, from)) continue;
        if (!best.empty() && fit(*each, to) < fit(*best.front(), to)) continue;
        if (!best.empty() && fit(*each, to) > fit(*best.front(), to)) best.clear();
        best.push_back(each);
    }
    return best.empty() ? nullptr : best[world_.chance().below(best.size())];
}

void message_network::post(message_socket& by, const socket_address& to, message_on_its_way what) {
    if (world_.strikes(faults::lost_datagram)) return;
    const int copies = world_.strikes(faults::doubled_datagram) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        world_.in(world_.latency(), [this, sender = by.weak_from_this(), family = by.family, to, what]() mutable {
            deliver(sender, family, to, std::move(what));
        });
    }
}

void message_network::deliver(const std::weak_ptr<message_socket>& by, address_family family, const socket_address& to,
                              message_on_its_way what) {
    if (message_socket* const found = receiver(family, to, what.from)) {
        found->arrive(std::move(what));
        return;
    }
    world_.in(world_.latency(), [by] {
        if (const auto sender = by.lock()) sender->on_unreachable();
    });
}

}  // namespace penstock::detail
