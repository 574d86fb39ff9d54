// One direction of a connection, or a pipe: bytes on their way and bytes that have arrived, together bounded.
#pragma once

#include "backend/simulated/byte_queue.hpp"
#include "backend/simulated/resource.hpp"
#include <penstock/time.hpp>

#include <cstddef>
#include <memory>
#include <span>

namespace penstock::detail {

class stream_socket;

class channel : public std::enable_shared_from_this<channel> {
  public:
    channel(simulated_world& in, std::size_t capacity) noexcept : world_(in), capacity_(capacity) {}

    /// Its ends tell themselves: null once closed. What arrives at a socket that is gone is answered by a reset.
    resource* reader = nullptr;
    resource* writer = nullptr;
    stream_socket* answers_to = nullptr;  ///< the writer, if it is a TCP socket
    stream_socket* socket = nullptr;      ///< the reader, if it is a socket

    std::size_t room() const noexcept {
        const std::size_t used = arrived_.size() + under_way_;
        return used < capacity_ ? capacity_ - used : 0;
    }
    void set_capacity(std::size_t bytes) noexcept { capacity_ = bytes; }
    bool empty() const noexcept { return arrived_.empty(); }
    /// Whether the writer has said that nothing follows, and that has arrived.
    bool end_arrived() const noexcept { return end_arrived_; }
    bool end_sent() const noexcept { return end_sent_; }

    /// At most room() bytes.
    void send(std::span<const std::byte> bytes, bool takes_time);
    /// Nothing follows.
    void end(bool takes_time);
    /// What follows is a reset.
    void reset(bool takes_time);
    /// What is on its way gets lost, now.
    void cut() noexcept;
    std::size_t take(std::span<std::byte> into) noexcept;
    std::size_t peek(std::span<std::byte> into) const noexcept { return arrived_.peek(into); }

  private:
    template <class Arrival>
    void after_what_was_sent(bool takes_time, Arrival arrival);
    void arrive(std::span<const std::byte> bytes);

    simulated_world& world_;
    byte_queue arrived_;
    std::size_t capacity_;
    std::size_t under_way_ = 0;
    std::size_t arrivals_ = 0;  // to come
    std::uint32_t cuts_ = 0;
    time_point last_arrival_{};
    bool end_sent_ = false;
    bool end_arrived_ = false;
};

}  // namespace penstock::detail
