// A datagram socket, over UDP or between paths of the machine.
#pragma once

#include "backend/simulated/resource.hpp"
#include "backend/simulated/socket_address.hpp"

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

namespace penstock::detail {

struct message_on_its_way {
    std::vector<std::byte> bytes;
    socket_address from;
};

class message_socket final : public resource, public std::enable_shared_from_this<message_socket> {
  public:
    message_socket(simulated_world& in, address_family f) noexcept;

    bool readable() const noexcept override { return !arrived_.empty() || error_ != 0; }
    void close() noexcept override;

    std::int32_t bind(const endpoint& at);
    std::int32_t connect(const endpoint& to);
    std::int32_t send(send_message_op& op);
    std::int32_t receive(receive_message_op& op);
    std::int32_t option(option_op& op) noexcept;
    std::int32_t name(name_op& op) const;

    /// A datagram arrives; over UDP one that has no room is lost.
    void arrive(message_on_its_way what);
    bool has_room_for(std::size_t bytes) const noexcept { return arrived_.empty() || queued_ + bytes <= capacity_; }
    /// What it sent has found nobody.
    void on_unreachable() noexcept;

    bool is_unix() const noexcept { return family == address_family::unix_path; }

    // What the network asks and keeps.
    address_family family;
    bool bound = false;
    bool reuse_address = false;
    bool reuse_port = false;
    bool ipv6_only = false;
    socket_address local;
    std::optional<socket_address> remote;

  private:
    std::int32_t destination(const send_message_op& op, socket_address& to) const;
    std::int32_t send_over_path(message_on_its_way what, const socket_address& to);

    std::deque<message_on_its_way> arrived_;
    std::size_t queued_ = 0;
    std::size_t capacity_;
    int send_buffer_;
    std::int32_t error_ = 0;  // told once
};

}  // namespace penstock::detail
