#include "backend/simulated/network.hpp"

#include "backend/simulated/ephemeral_ports.hpp"
#include "backend/simulated/world.hpp"

#include <algorithm>
#include <cerrno>

namespace penstock::detail {
namespace {

constexpr int most_backlog = 4096;                                // net.core.somaxconn
constexpr duration connect_patience = std::chrono::seconds(127);  // net.ipv4.tcp_syn_retries = 6

// Whether a connection to `host` is for a socket that is bound like this one.
bool covers(const stream_socket& listener, const socket_address& to) noexcept {
    if (listener.local.host == to.host) return true;
    if (!listener.local.is_any()) return false;
    if (listener.family == address_family::ipv4) return to.is_ipv4();
    return !to.is_ipv4() || !listener.is_set(socket_option::ipv6_only);
}

}  // namespace

// --- Binding and listening ---------------------------------------------------------------------------------------

std::int32_t simulated_network::bind(const std::shared_ptr<stream_socket>& socket, const endpoint& at) {
    if (at.family() != socket->family) return at.family() == address_family::none ? -EINVAL : -EAFNOSUPPORT;
    if (socket->bound || socket->where != stream_socket::stage::fresh) return -EINVAL;
    socket->local = socket_address::of(at);
    const std::int32_t r = socket->is_unix() ? bind_path(*socket) : bind_port(*socket);
    if (r < 0) {
        socket->local = {};
        return r;
    }
    socket->bound = true;
    bound_.push_back(socket);
    return 0;
}

std::int32_t simulated_network::bind_path(stream_socket& socket) {
    if (socket.local.path.empty()) return -EINVAL;
    if (!socket.local.path.starts_with('@')) return world_.disk().add_socket(socket.local.path);
    const auto same = [&](const auto& other) { return other->is_unix() && other->local.path == socket.local.path; };
    return std::ranges::any_of(bound_, same) ? -EADDRINUSE : 0;
}

std::int32_t simulated_network::bind_port(stream_socket& socket) {
    if (!socket.local.is_any() && !socket.local.is_loopback()) return -EADDRNOTAVAIL;
    if (socket.local.port == 0) socket.local.port = free_port();
    if (socket.local.port == 0 || is_taken(socket, false)) return -EADDRINUSE;
    return 0;
}

bool simulated_network::is_taken(const stream_socket& by, bool to_listen) const noexcept {
    return std::ranges::any_of(bound_, [&](const auto& other) {
        if (other.get() == &by || other->is_unix() || other->local.port != by.local.port) return false;
        if (!covers(*other, by.local) && !covers(by, other->local)) return false;
        if (by.is_set(socket_option::reuse_port) && other->is_set(socket_option::reuse_port)) return false;
        const bool listens = other->where == stream_socket::stage::listening;
        if (to_listen) return listens;
        return listens || !by.is_set(socket_option::reuse_address) || !other->is_set(socket_option::reuse_address);
    });
}

std::uint16_t simulated_network::free_port() noexcept {
    for (int tries = first_ephemeral; tries <= last_ephemeral; ++tries) {
        const std::uint16_t port = next_port_;
        next_port_ = port == last_ephemeral ? first_ephemeral : static_cast<std::uint16_t>(port + 1);
        const auto has_it = [&](const auto& other) { return other->local.port == port; };
        if (std::ranges::none_of(bound_, has_it)) return port;
    }
    return 0;
}

std::int32_t simulated_network::listen(stream_socket& socket, int backlog) {
    const bool listens = socket.where == stream_socket::stage::listening;
    if (!listens && socket.where != stream_socket::stage::fresh) return -EINVAL;
    if (!socket.bound) {
        if (socket.is_unix()) return -EINVAL;
        const auto self = socket.shared_from_this();
        if (const std::int32_t r = bind(self, socket_address{}.as_endpoint(socket.family)); r < 0) return r;
    }
    if (!socket.is_unix() && is_taken(socket, true)) return -EADDRINUSE;
    socket.backlog = std::clamp(backlog, 0, most_backlog);
    socket.where = stream_socket::stage::listening;
    let_in(socket);
    return 0;
}

void simulated_network::forget(const stream_socket& socket) noexcept {
    std::erase_if(bound_, [&](const auto& other) { return other.get() == &socket; });
}

// --- Connecting --------------------------------------------------------------------------------------------------

std::int32_t simulated_network::connect(const std::shared_ptr<stream_socket>& socket, const endpoint& to) {
    switch (socket->where) {
        case stream_socket::stage::fresh: break;
        case stream_socket::stage::connecting: return -EALREADY;
        case stream_socket::stage::listening:
        case stream_socket::stage::connected:
        case stream_socket::stage::over: return -EISCONN;
    }
    if (to.family() != socket->family) return to.family() == address_family::none ? -EINVAL : -EAFNOSUPPORT;
    socket->remote = socket_address::of(to).to_this_machine();
    if (socket->is_unix()) return connect_path(*socket);
    if (!socket->remote.is_loopback()) return -ENETUNREACH;
    if (!socket->bound) {
        socket->local = socket->remote;
        socket->local.port = free_port();
    }
    socket->outcome.reset();
    socket->where = stream_socket::stage::connecting;
    world_.in(world_.latency(), [this, weak = std::weak_ptr(socket)] {
        if (const auto still_there = weak.lock()) knock(still_there);
    });
    return 0;
}

// Nothing travels here: it is there or it is not.
std::int32_t simulated_network::connect_path(stream_socket& socket) {
    if (!socket.remote.path.starts_with('@')) {
        if (const std::int32_t r = world_.disk().find_socket(socket.remote.path); r < 0) return r;
    }
    stream_socket* const listener = listener_for(socket.family, socket.remote);
    if (listener == nullptr || !listener->has_room_for_another()) return -ECONNREFUSED;
    socket.outcome.reset();
    socket.where = stream_socket::stage::connecting;
    admit(*listener, socket);
    return 0;
}

stream_socket* simulated_network::listener_for(address_family family, const socket_address& to) {
    std::vector<stream_socket*> exact;
    std::vector<stream_socket*> any;
    for (const auto& each : bound_) {
        if (each->where != stream_socket::stage::listening) continue;
        if (family == address_family::unix_path) {
            if (each->is_unix() && each->local.path == to.path) return each.get();
        } else if (!each->is_unix() && each->local.port == to.port && covers(*each, to)) {
            (each->local.is_any() ? any : exact).push_back(each.get());
        }
    }
    const auto& best = exact.empty() ? any : exact;
    return best.empty() ? nullptr : best[world_.chance().below(best.size())];
}

void simulated_network::knock(const std::shared_ptr<stream_socket>& socket) {
    if (socket->where != stream_socket::stage::connecting) return;
    stream_socket* const listener = listener_for(socket->family, socket->remote);
    if (listener == nullptr) {
        world_.in(world_.latency(), [weak = std::weak_ptr(socket)] {
            if (const auto still_there = weak.lock()) still_there->fail_connecting(-ECONNREFUSED);
        });
        return;
    }
    if (listener->has_room_for_another()) {
        admit(*listener, *socket);
        return;
    }
    // As Linux does, which drops what it has no place for; the other side asks again for a while.
    listener->knocking.push_back(socket);
    world_.in(connect_patience, [weak = std::weak_ptr(socket)] {
        if (const auto still_there = weak.lock()) still_there->fail_connecting(-ETIMEDOUT);
    });
}

void simulated_network::admit(stream_socket& listener, stream_socket& newcomer) {
    const auto accepted = std::make_shared<stream_socket>(world_, listener);
    accepted->local = newcomer.remote;
    accepted->remote = newcomer.local;
    stream_socket::join(newcomer, *accepted);
    listener.pending.push_back(accepted);
    ++connections_;
    listener.tell(side::read);
    const duration way_back = newcomer.is_unix() ? duration{} : world_.latency();
    world_.in(way_back, [weak = std::weak_ptr(newcomer.shared_from_this())] {
        if (const auto still_there = weak.lock()) still_there->established();
    });
}

void simulated_network::let_in(stream_socket& listener) {
    while (!listener.knocking.empty() && listener.has_room_for_another()) {
        const auto next = listener.knocking.front().lock();
        listener.knocking.pop_front();
        if (next != nullptr && next->where == stream_socket::stage::connecting && !next->joined()) {
            admit(listener, *next);
        }
    }
}

}  // namespace penstock::detail
