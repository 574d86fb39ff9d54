// Who listens where, and how connections come about.
#pragma once

#include "backend/simulated/stream_socket.hpp"

#include <memory>
#include <vector>

namespace penstock::detail {

class simulated_network {
  public:
    explicit simulated_network(simulated_world& in) noexcept : world_(in) {}

    std::int32_t bind(const std::shared_ptr<stream_socket>& socket, const endpoint& at);
    std::int32_t listen(stream_socket& socket, int backlog);
    /// Begins; the outcome is in the socket, now or later. \return an error if nothing was begun.
    std::int32_t connect(const std::shared_ptr<stream_socket>& socket, const endpoint& to);
    /// A listener has a place for one more.
    void let_in(stream_socket& listener);
    void forget(const stream_socket& socket) noexcept;

    std::uint64_t connections() const noexcept { return connections_; }

  private:
    std::int32_t bind_path(stream_socket& socket);
    std::int32_t bind_port(stream_socket& socket);
    bool is_taken(const stream_socket& by, bool to_listen) const noexcept;
    std::uint16_t free_port() noexcept;
    stream_socket* listener_for(address_family family, const socket_address& to);
    std::int32_t connect_path(stream_socket& socket);
    void knock(const std::shared_ptr<stream_socket>& socket);
    void admit(stream_socket& listener, stream_socket& newcomer);

    simulated_world& world_;
    std::vector<std::shared_ptr<stream_socket>> bound_;
    std::uint16_t next_port_ = 32768;
    std::uint64_t connections_ = 0;
};

}  // namespace penstock::detail
