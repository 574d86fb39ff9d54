// An origin behind the gate: checks every byte of what it is asked, and answers as the plan of each request says.
#pragma once

#include "simulation/message.hpp"
#include "simulation/world.hpp"
#include <penstock/http/head.hpp>
#include <penstock/listener.hpp>
#include <penstock/scope.hpp>
#include <penstock/stream.hpp>
#include <penstock/task.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace simulated {

class origin {
  public:
    origin(world& w, std::size_t index) : world_(w), index_(index) {}

    /// Listens until stop(), and until its connections have ended.
    penstock::task<> serve();
    /// On its loop.
    void stop() noexcept {
        stopped_ = true;
        if (accepting_ != nullptr) accepting_->cancel();
    }
    std::size_t open_connections() const noexcept { return open_; }

  private:
    penstock::task<> accept_all(penstock::net::listener& door, penstock::scope& connections);
    penstock::task<> converse(penstock::net::stream with_gate);

    world& world_;
    std::size_t index_;
    std::size_t open_ = 0;
    penstock::scope* accepting_ = nullptr;
    bool stopped_ = false;
};

/// One connection from the gate.
class hearing {
  public:
    hearing(world& w, std::size_t origin, penstock::net::stream& connection)
        : world_(w), origin_(origin), connection_(w.connections_of_origins++), stream_(connection) {}

    /// Until either side has enough.
    penstock::task<> run();

  private:
    penstock::task<bool> hear_head();
    penstock::task<bool> hear();
    const request_plan* recognise();
    bool may_come_again(const request_plan& r, const attempt& before) const;
    penstock::task<bool> serve(const request_plan& r);
    penstock::task<bool> take_body(const request_plan& r, std::uint64_t most);
    penstock::task<bool> answer(const request_plan& r);
    penstock::task<bool> send_answer(const request_plan& r, std::uint64_t most);
    penstock::task<bool> tunnel(const request_plan& r);
    penstock::task<> send_tunnel(const request_plan& r);
    penstock::task<> take_tunnel(const request_plan& r);
    attempt& seen(const request_plan& r) { return world_.records[r.id].attempts[attempt_]; }

    world& world_;
    std::size_t origin_;
    std::uint32_t connection_;
    std::uint32_t requests_ = 0;
    std::size_t attempt_ = 0;  // of the request under way
    penstock::net::stream& stream_;
    std::string in_;
    penstock::http::request_parser head_;
    penstock::http::framing framing_;
    bool resets_ = false;
    bool said_close_ = false;
    bool ended_in_order_ = false;
    bool tunnel_sent_ = false;  // as far as it goes
    bool send_failed_ = false;  // of the tunnel: then its end is no surprise
};

}  // namespace simulated
