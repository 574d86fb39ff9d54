#include "backend/simulated/message_socket.hpp"

#include "backend/simulated/world.hpp"
#include "op/call.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace penstock::detail {
namespace {

constexpr std::size_t longest_over_ipv4 = 65'507;
constexpr std::size_t longest_over_ipv6 = 65'527;

std::vector<std::byte> gathered(const send_message_op& op) {
    std::vector<std::byte> bytes;
    for (std::uint32_t i = 0; i < op.count; ++i) {
        const auto* const data = static_cast<const std::byte*>(op.slices[i].data);
        bytes.insert(bytes.end(), data, data + op.slices[i].size);
    }
    return bytes;
}

}  // namespace

message_socket::message_socket(simulated_world& in, address_family f) noexcept
    : resource(in),
      family(f),
      capacity_(in.options().socket_buffer),
      send_buffer_(static_cast<int>(in.options().socket_buffer)) {}

void message_socket::close() noexcept { world().messages().forget(*this); }

std::int32_t message_socket::bind(const endpoint& at) {
    if (at.family() != family) return at.family() == address_family::none ? -EINVAL : -EAFNOSUPPORT;
    if (bound) return -EINVAL;
    local = socket_address::of(at);
    const std::int32_t r = world().messages().bind(*this);
    if (r < 0) local = {};
    return r;
}

std::int32_t message_socket::connect(const endpoint& to) {
    if (to.family() != family) return to.family() == address_family::none ? -EINVAL : -EAFNOSUPPORT;
    const socket_address whom = socket_address::of(to).to_this_machine();
    if (is_unix()) {
        if (!whom.path.starts_with('@')) {
            if (const std::int32_t r = world().disk().find_socket(whom.path); r < 0) return r;
        }
        if (world().messages().receiver(family, whom, {}) == nullptr) return -ECONNREFUSED;
    } else if (!whom.is_loopback()) {
        return -ENETUNREACH;
    } else if (!bound) {
        local = whom;
        local.port = 0;
        if (const std::int32_t r = world().messages().bind(*this); r < 0) return r;
    }
    remote = whom;
    return 0;
}

std::int32_t message_socket::destination(const send_message_op& op, socket_address& to) const {
    if (op.to.raw_size() == 0) {
        if (!remote) return is_unix() ? -ENOTCONN : -EDESTADDRREQ;
        to = *remote;
        return 0;
    }
    if (op.to.family() != family) return -EAFNOSUPPORT;
    to = socket_address::of(op.to).to_this_machine();
    return is_unix() || to.is_loopback() ? 0 : -ENETUNREACH;
}

std::int32_t message_socket::send(send_message_op& op) {
    if (error_ != 0) return std::exchange(error_, 0);
    socket_address to;
    if (const std::int32_t r = destination(op, to); r < 0) return r;
    const std::vector<std::byte> all = gathered(op);
    const std::size_t longest = family == address_family::ipv4 ? longest_over_ipv4 : longest_over_ipv6;
    const std::size_t piece = op.segment == 0 || is_unix() ? all.size() : op.segment;
    if (piece > longest) return -EMSGSIZE;
    if (is_unix()) return send_over_path({all, local}, to);
    if (!bound) {
        if (const std::int32_t r = world().messages().bind(*this); r < 0) return r;
    }
    socket_address from = local;
    if (from.is_any()) {
        from.host = to.host;  // over loopback both ends have the same
    }
    std::size_t at = 0;
    do {
        const auto part = std::span(all).subspan(at, std::min(piece, all.size() - at));
        world().messages().post(*this, to, {{part.begin(), part.end()}, from});
        at += part.size();
    } while (at < all.size());
    return 0;
}

/// Nothing travels here, and nothing gets lost.
std::int32_t message_socket::send_over_path(message_on_its_way what, const socket_address& to) {
    if (!to.path.starts_with('@')) {
        if (const std::int32_t r = world().disk().find_socket(to.path); r < 0) return r;
    }
    message_socket* const found = world().messages().receiver(family, to, {});
    if (found == nullptr) return -ECONNREFUSED;
    if (!found->has_room_for(what.bytes.size())) return -ENOBUFS;
    found->arrive(std::move(what));
    return 0;
}

void message_socket::arrive(message_on_its_way what) {
    if (!has_room_for(what.bytes.size())) {
        ++world().figures().datagrams_dropped;
        return;
    }
    queued_ += what.bytes.size();
    arrived_.push_back(std::move(what));
    tell(side::read);
}

void message_socket::on_unreachable() noexcept {
    if (!remote) return;  // the kernel tells connected sockets only
    error_ = -ECONNREFUSED;
    tell(side::read);
    tell(side::write);
}

std::int32_t message_socket::receive(receive_message_op& op) {
    if (error_ != 0) return std::exchange(error_, 0);
    if (arrived_.empty()) return -EAGAIN;
    const message_on_its_way next = std::move(arrived_.front());
    arrived_.pop_front();
    queued_ -= next.bytes.size();
    std::size_t taken = 0;
    for (std::uint32_t i = 0; i < op.count && taken < next.bytes.size(); ++i) {
        const std::size_t n = std::min(op.slices[i].size, next.bytes.size() - taken);
        if (n != 0) std::memcpy(op.slices[i].data, next.bytes.data() + taken, n);
        taken += n;
    }
    op.truncated = taken < next.bytes.size();
    op.descriptors_lost = false;
    op.descriptor_count = 0;
    op.segment = 0;
    op.from = is_unix() && next.from.path.empty() ? endpoint{} : next.from.as_endpoint(family);
    return static_cast<std::int32_t>(taken);
}

std::int32_t message_socket::name(name_op& op) const {
    if (op.peer && !remote) return -ENOTCONN;
    op.address = (op.peer ? *remote : local).as_endpoint(family);
    return 0;
}

std::int32_t message_socket::option(option_op& op) noexcept {
    const auto flag = [&](bool& is_set) {
        if (op.set) {
            is_set = op.value > 0;
        } else {
            op.value = is_set ? 1 : 0;
        }
        return 0;
    };
    // The kernel, too, doubles what is asked for and takes no less.
    const auto wanted = [&] { return std::max(4608, std::min(op.value, 1 << 29) * 2); };
    switch (op.option) {
        case socket_option::reuse_address: return flag(reuse_address);
        case socket_option::reuse_port: return flag(reuse_port);
        case socket_option::ipv6_only:
            if (family != address_family::ipv6) return is_unix() ? -EOPNOTSUPP : -ENOPROTOOPT;
            return op.set && bound ? -EINVAL : flag(ipv6_only);
        case socket_option::receive_buffer:
            if (op.set) capacity_ = static_cast<std::size_t>(wanted());
            op.value = static_cast<int>(capacity_);
            return 0;
        case socket_option::send_buffer:
            if (op.set) send_buffer_ = wanted();
            op.value = send_buffer_;
            return 0;
        case socket_option::udp_segment:  // as an option of one send only
            if (is_unix()) return -EOPNOTSUPP;
            if (op.set && op.value != 0) return -EINVAL;
            op.value = 0;
            return 0;
        case socket_option::udp_join:
        case socket_option::no_delay:
        case socket_option::keep_alive:
        case socket_option::linger:
        case socket_option::defer_accept:
        case socket_option::quick_ack:
        case socket_option::fast_open:
        case socket_option::user_timeout: return is_unix() ? -EOPNOTSUPP : -ENOPROTOOPT;
    }
    return -ENOPROTOOPT;
}

}  // namespace penstock::detail
