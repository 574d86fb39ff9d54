// A client of the gate: it asks what its plan says, checks every byte that comes back, and misbehaves where it should.
#pragma once

#include "simulation/bell.hpp"
#include "simulation/message.hpp"
#include "simulation/world.hpp"
#include <penstock/http/body.hpp>
#include <penstock/http/head.hpp>
#include <penstock/scope.hpp>
#include <penstock/stream.hpp>
#include <penstock/task.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace simulated {

/// Asks everything, over as many connections as that takes.
penstock::task<> run_client(world& w, const client_plan& plan);

/// One connection: requests go out while answers come in.
class conversation {
  public:
    conversation(world& w, const client_plan& plan, std::size_t first, penstock::net::stream connection)
        : world_(w),
          plan_(plan),
          next_(first),
          stream_(std::move(connection)),
          connected_at_(penstock::current_loop->now()) {}

    /// \return the first request of the plan that was not begun.
    penstock::task<std::size_t> run();

  private:
    enum class step : std::uint8_t { go_on, done, over };

    // Requests
    penstock::task<> ask();
    penstock::task<> ask_all();
    penstock::task<bool> send_request(const request_plan& r);
    penstock::task<bool> send_body(const request_plan& r, std::string first);
    penstock::task<bool> send_within(const request_plan& r, std::string_view bytes);
    penstock::task<bool> await_continue();
    penstock::task<> send_tunnel(const request_plan& r);
    bool may_ask() const noexcept { return !over_ && !last_; }

    // Answers
    penstock::task<> listen();
    penstock::task<bool> hear(const request_plan* asked);
    penstock::task<step> answer_head(const request_plan& r);
    penstock::task<step> answer_body(const request_plan& r, penstock::http::body_reader body);
    penstock::task<> hear_tunnel(const request_plan& r);
    step judge_head(const request_plan& r);
    void note_end();

    request_record& record_of(const request_plan& r) { return world_.records[r.id]; }
    const request_plan* current() const noexcept { return answered_ < asked_.size() ? asked_[answered_] : nullptr; }

    world& world_;
    const client_plan& plan_;
    std::size_t next_;
    penstock::net::stream stream_;
    const penstock::time_point connected_at_;
    std::vector<const request_plan*> asked_;
    std::size_t answered_ = 0;  // of those
    penstock::scope* both_ = nullptr;
    bell changed_;
    bool over_ = false;   // nothing more will be heard
    bool last_ = false;   // nothing more may be asked
    bool go_on_ = false;  // 100 (Continue) has come for the request that is being sent
    bool tunnel_ = false;
    bool tunnel_sent_ = false;  // as far as it goes
    bool send_failed_ = false;  // of the tunnel: then its end is no surprise
    bool resets_ = false;
    std::uint64_t sent_ = 0;  // bytes of the request under way
    std::string in_;
    std::string ended_;
    penstock::http::response_parser head_;
};

}  // namespace simulated
