#include "backend/simulated/stream_socket.hpp"

#include "backend/simulated/world.hpp"

#include <algorithm>
#include <utility>

namespace penstock::detail {

stream_socket::stream_socket(simulated_world& in, address_family f) noexcept : resource(in), family(f) {
    value(socket_option::linger) = -1;
    value(socket_option::send_buffer) = value(socket_option::receive_buffer) =
        static_cast<int>(in.options().socket_buffer);
}

stream_socket::stream_socket(simulated_world& in, const stream_socket& listener) noexcept
    : resource(in), family(listener.family), where(stage::connected), options_(listener.options_) {}

// --- Bytes -------------------------------------------------------------------------------------------------------

std::int32_t stream_socket::take_error() noexcept { return std::exchange(error_, 0); }

bool stream_socket::readable() const noexcept {
    return in_ == nullptr || !in_->empty() || error_ != 0 || over_ || reads_shut_ || in_->end_arrived();
}

std::int32_t stream_socket::read(std::span<std::byte> into) noexcept {
    if (in_ == nullptr) return error_ != 0 ? take_error() : over_ ? 0 : -ENOTCONN;
    if (const std::size_t n = in_->take(into); n != 0) return static_cast<std::int32_t>(n);
    if (error_ != 0) return take_error();
    if (over_ || reads_shut_ || in_->end_arrived()) return 0;
    return -EAGAIN;
}

std::int32_t stream_socket::write(std::span<const std::byte> from) noexcept {
    if (error_ != 0) return take_error();
    if (over_) return -EPIPE;
    if (out_ == nullptr) return -ENOTCONN;
    if (out_->end_sent() || (is_unix() && out_->reader == nullptr)) return -EPIPE;
    if (!is_unix() && !from.empty() && world().strikes(faults::reset)) {
        break_connection();
        return take_error();
    }
    const std::size_t n = std::min(from.size(), out_->room());
    if (n == 0 && !from.empty()) return -EAGAIN;
    out_->send(from.first(n), !is_unix());
    return static_cast<std::int32_t>(n);
}

std::int32_t stream_socket::shutdown(shutdown_side which) noexcept {
    if (where == stage::listening && which != shutdown_side::send) {
        stop_listening();
        return 0;
    }
    if (in_ == nullptr || over_) return -ENOTCONN;
    if (which != shutdown_side::send) {
        reads_shut_ = true;
        tell(side::read);
    }
    if (which != shutdown_side::receive) {
        out_->end(!is_unix());
        tell(side::write);
    }
    return 0;
}

// --- Beginning and ending ----------------------------------------------------------------------------------------

void stream_socket::join(stream_socket& one, stream_socket& other) {
    const auto lay = [](stream_socket& from, stream_socket& to) {
        const auto way =
            std::make_shared<channel>(from.world(), static_cast<std::size_t>(from.value(socket_option::send_buffer)));
        way->writer = &from;
        way->reader = way->socket = &to;
        if (!from.is_unix()) way->answers_to = &from;
        from.out_ = way;
        to.in_ = way;
    };
    lay(one, other);
    lay(other, one);
}

void stream_socket::established() noexcept {
    if (where != stage::connecting) return;
    where = stage::connected;
    outcome = 0;
    tell(side::write);
}

void stream_socket::fail_connecting(std::int32_t why) noexcept {
    if (where != stage::connecting) return;
    where = stage::fresh;
    outcome = why;
    tell(side::write);
}

bool stream_socket::has_room_for_another() const noexcept {
    return std::cmp_less_equal(pending.size(), std::max(backlog, 0));
}

std::shared_ptr<stream_socket> stream_socket::accept() {
    if (pending.empty()) return nullptr;
    auto next = std::move(pending.front());
    pending.pop_front();
    world().network().let_in(*this);
    return next;
}

void stream_socket::on_reset() noexcept {
    if (over_) return;
    over_ = true;
    error_ = in_ != nullptr && in_->end_arrived() ? -EPIPE : -ECONNRESET;
    if (where == stage::connecting) fail_connecting(-ECONNRESET);
    tell(side::read);
    tell(side::write);
}

void stream_socket::break_connection() noexcept {
    const auto out = out_;  // on_reset() may be the last to know this socket
    stream_socket* const peer = out->socket;
    in_->cut();
    out->cut();
    on_reset();
    if (peer != nullptr) peer->on_reset();
}

void stream_socket::close() noexcept {
    if (where == stage::listening) stop_listening();
    world().network().forget(*this);
    if (in_ != nullptr) leave_connection();
    where = stage::over;
}

// Unread bytes, like a linger of nothing, make a reset of the end; so does Linux.
void stream_socket::leave_connection() noexcept {
    const bool unread = !in_->empty();
    resource* const peer = std::exchange(in_->writer, nullptr) == nullptr ? nullptr : out_->reader;
    in_->reader = nullptr;
    in_->socket = nullptr;
    out_->writer = nullptr;
    out_->answers_to = nullptr;
    if (over_) return;
    if (unread || value(socket_option::linger) == 0) {
        out_->reset(!is_unix());
    } else {
        out_->end(!is_unix());
    }
    if (is_unix() && peer != nullptr) peer->tell(side::write);
}

void stream_socket::stop_listening() noexcept {
    where = stage::over;
    over_ = true;
    world().network().forget(*this);
    for (const auto& waiting : std::exchange(knocking, {})) {
        if (const auto one = waiting.lock()) one->fail_connecting(-ECONNREFUSED);
    }
    for (const auto& one : std::exchange(pending, {})) {
        one->value(socket_option::linger) = 0;
        one->close();
    }
    tell(side::read);
}

// --- Names and options -------------------------------------------------------------------------------------------

std::int32_t stream_socket::name(name_op& op) const {
    if (op.peer && (in_ == nullptr || where != stage::connected)) return -ENOTCONN;
    op.address = (op.peer ? remote : local).as_endpoint(family);
    return 0;
}

std::int32_t stream_socket::refusal_of(socket_option o) const noexcept {
    switch (o) {
        case socket_option::no_delay:
        case socket_option::defer_accept:
        case socket_option::quick_ack:
        case socket_option::fast_open:
        case socket_option::user_timeout: return is_unix() ? -EOPNOTSUPP : 0;
        case socket_option::udp_segment:
        case socket_option::udp_join: return is_unix() ? -EOPNOTSUPP : -ENOPROTOOPT;
        case socket_option::ipv6_only:
            return family == address_family::ipv6 ? 0 : is_unix() ? -EOPNOTSUPP : -ENOPROTOOPT;
        case socket_option::keep_alive:
        case socket_option::reuse_address:
        case socket_option::reuse_port:
        case socket_option::send_buffer:
        case socket_option::receive_buffer:
        case socket_option::linger: return 0;
    }
    return -ENOPROTOOPT;
}

std::int32_t stream_socket::option(option_op& op) noexcept {
    if (const std::int32_t refused = refusal_of(op.option); refused != 0) return refused;
    if (!op.set) {
        op.value = value(op.option);
        return 0;
    }
    if (op.option == socket_option::ipv6_only && bound) return -EINVAL;
    int wanted = op.value;
    if (op.option == socket_option::send_buffer || op.option == socket_option::receive_buffer) {
        constexpr int least = 4608;  // the kernel, too, doubles what is asked for and takes no less
        wanted = std::max(least, std::min(wanted, 1 << 29) * 2);
        if (op.option == socket_option::send_buffer && out_ != nullptr) {
            out_->set_capacity(static_cast<std::size_t>(wanted));
        }
    }
    if (op.option == socket_option::linger) wanted = std::max(wanted, -1);
    value(op.option) = wanted;
    return 0;
}

}  // namespace penstock::detail
