// A stream socket, over TCP or between paths of the machine. What sockets are to each other is the network's business.
#pragma once

#include "backend/simulated/channel.hpp"
#include "backend/simulated/socket_address.hpp"

#include <array>
#include <deque>
#include <memory>
#include <optional>

namespace penstock::detail {

inline constexpr std::size_t socket_option_count = static_cast<std::size_t>(socket_option::udp_join) + 1;

class stream_socket final : public resource, public std::enable_shared_from_this<stream_socket> {
  public:
    enum class stage : std::uint8_t { fresh, listening, connecting, connected, over };

    stream_socket(simulated_world& in, address_family f) noexcept;
    /// A connection that was made to `listener`, whose options it inherits.
    stream_socket(simulated_world& in, const stream_socket& listener) noexcept;

    bool readable() const noexcept override;
    std::int32_t read(std::span<std::byte> into) noexcept override;
    std::int32_t write(std::span<const std::byte> from) noexcept override;
    std::size_t room() const noexcept override { return out_ == nullptr ? 0 : out_->room(); }
    bool is_stream() const noexcept override { return true; }
    void close() noexcept override;

    std::int32_t shutdown(shutdown_side which) noexcept;
    std::int32_t option(option_op& op) noexcept;
    std::int32_t name(name_op& op) const;
    /// One that has connected; null if there is none.
    std::shared_ptr<stream_socket> accept();

    /// Connects two sockets; what they send to each other takes time unless they are Unix sockets.
    static void join(stream_socket& one, stream_socket& other);
    /// Tells both ends that the connection is gone, now. TCP only.
    void break_connection() noexcept;
    /// The other end says so.
    void on_reset() noexcept;
    void fail_connecting(std::int32_t why) noexcept;
    void established() noexcept;

    bool is_unix() const noexcept { return family == address_family::unix_path; }
    bool is_set(socket_option o) const noexcept { return value(o) > 0; }
    bool has_room_for_another() const noexcept;
    bool joined() const noexcept { return in_ != nullptr; }

    // What the network keeps in it.
    address_family family;
    stage where = stage::fresh;
    bool bound = false;
    socket_address local;
    socket_address remote;
    int backlog = 0;
    std::deque<std::shared_ptr<stream_socket>> pending;  ///< connected, to be accepted
    std::deque<std::weak_ptr<stream_socket>> knocking;   ///< wait for a place among those
    std::optional<std::int32_t> outcome;                 ///< of connecting

  private:
    int value(socket_option o) const noexcept { return options_[static_cast<std::size_t>(o)]; }
    int& value(socket_option o) noexcept { return options_[static_cast<std::size_t>(o)]; }
    std::int32_t refusal_of(socket_option o) const noexcept;
    std::int32_t take_error() noexcept;
    void stop_listening() noexcept;
    void leave_connection() noexcept;

    std::array<int, socket_option_count> options_{};
    std::shared_ptr<channel> in_;
    std::shared_ptr<channel> out_;
    std::int32_t error_ = 0;  // told once, to whoever asks first
    bool reads_shut_ = false;
    bool over_ = false;  // nothing comes or goes any more
};

}  // namespace penstock::detail
