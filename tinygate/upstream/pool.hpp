// Connections to the upstreams of one worker: which to take, which to keep.
#pragma once

#include "clock/time_limit.hpp"
#include "config/options.hpp"
#include <penstock/stream.hpp>

#include <cstdint>
#include <string>
#include <system_error>
#include <vector>

namespace tinygate {

/// One upstream server, as one worker sees it.
struct peer {
    penstock::endpoint address;
    std::string name;                   ///< for logs
    std::size_t open = 0;               ///< connections, idle ones included
    penstock::time_point down_until{};  ///< until then others are preferred, since connecting failed
    bool down = false;
};

/// An open connection to a peer.
struct connection {
    penstock::net::stream stream;
    peer* to = nullptr;
    bool reused = false;  ///< has carried a response before, so the peer may just have closed it
};

/// Of a connection between two requests: nothing has come that nobody asked for, and not its end.
bool is_silent(const penstock::detail::stream_record& between_requests) noexcept;

/// What says nothing of the other side, but that this one is out of descriptors or memory.
bool is_shortage(const std::error_code& why) noexcept;

/// Keeps idle connections, the last used first, and closes those that the peer closes or that say something unasked.
/// An idle connection is its stream's record and a small entry, and no coroutine.
class upstream_pool {
  public:
    upstream_pool(const options& asked, ticker& clock);
    ~upstream_pool();
    upstream_pool(const upstream_pool&) = delete;
    upstream_pool& operator=(const upstream_pool&) = delete;

    /// Whose turn it is: round robin among those that are not down, or among all if all are.
    peer& next() noexcept;
    std::size_t peers() const noexcept { return peers_.size(); }
    std::size_t index_of(const peer& p) const noexcept { return static_cast<std::size_t>(&p - peers_.data()); }

    /// An idle connection to `p`, or one without a stream.
    connection take_idle(peer& p) noexcept;
    /// Whether another connection may be opened.
    bool has_room(const peer& p) const noexcept { return p.open < bounds_.upstream_connections; }
    /// Opens a connection, within timeouts::connect; there must be room. A failure marks the peer as down for a while,
    /// unless it is our own shortage. Errors: timed_out, those of net::connect().
    penstock::task<penstock::result<connection>> connect(peer& p);
    /// Takes back a connection that is fit for another request.
    void put_back(connection c) noexcept;
    /// Closes a connection that is not.
    void discard(connection& c) noexcept;
    /// Closes what is idle.
    void close_idle() noexcept;

  private:
    struct idle_connection;
    static constexpr penstock::duration down_time = std::chrono::seconds(2);

    void drop(idle_connection& entry) noexcept;
    void sweep() noexcept;

    struct own_timer : penstock::detail::timer_node {
        upstream_pool* self = nullptr;
    };

    std::vector<peer> peers_;
    std::size_t turn_ = 0;
    tinygate::bounds bounds_;
    penstock::duration idle_limit_;
    penstock::duration connect_limit_;
    ticker& clock_;
    std::vector<penstock::detail::list<idle_connection>> idle_;  // per peer, the longest idle first
    std::size_t idle_count_ = 0;
    std::uint32_t sweeps_ = 0;
    own_timer sweeper_;
};

}  // namespace tinygate
