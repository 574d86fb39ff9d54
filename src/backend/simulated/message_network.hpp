// Which datagram socket is where, and how datagrams get there.
#pragma once

#include "backend/simulated/message_socket.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::detail {

class message_network {
  public:
    explicit message_network(simulated_world& in) noexcept : world_(in) {}

    std::int32_t bind(message_socket& socket);
    void forget(const message_socket& socket) noexcept;
    /// Who gets what is sent there from that address; null if nobody.
    message_socket* receiver(address_family family, const socket_address& to, const socket_address& from) noexcept;
    /// Sends over UDP. It takes time; meanwhile it may get lost, or become two.
    void post(message_socket& by, const socket_address& to, message_on_its_way what);

  private:
    bool is_taken(const message_socket& by) const noexcept;
    std::uint16_t free_port() noexcept;
    void deliver(const std::weak_ptr<message_socket>& by, address_family family, const socket_address& to,
                 message_on_its_way what);

    simulated_world& world_;
    std::vector<message_socket*> bound_;
    std::uint16_t next_port_ = 32768;
};

}  // namespace penstock::detail
