// What the sessions of one loop share.
#pragma once

#include "admin/access_log.hpp"
#include "clock/time_limit.hpp"
#include "config/environment.hpp"
#include "config/options.hpp"
#include "session/relay_batch.hpp"
#include "upstream/lines.hpp"
#include "upstream/pool.hpp"
#include <penstock/http/head.hpp>
#include <penstock/stream.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tinygate {

/// Who a client's connection belongs to; kept beside the connections, by their handle.
struct client_info {
    std::array<char, 48> text{};
    std::uint8_t size = 0;
    std::string_view address() const noexcept { return {text.data(), size}; }
};

/// What an exchange needs while it is under way: parsers and memory for heads. Used again by the next one.
struct workspace {
    explicit workspace(penstock::http::head_limits limits) : request(limits), response(limits) {}
    penstock::http::request_parser request;
    penstock::http::response_parser response;
    std::array<char, 4096> head;   // of most messages, and behind it a body that is small enough
    std::vector<char> large_head;  // of the others
    relay_batch batch;
    std::string method;  // for the access log
    std::string host;
    std::string target;
    std::unique_ptr<workspace> next;
};

/// One loop's part of the gate. Belongs to that loop's thread.
class worker {
  public:
    /// Both live longer.
    worker(const options& asked, const environment& outside);

    const options& settings;
    ticker clock;
    upstream_pool upstreams;
    lines shared;  ///< upstream connections that many clients share, if the operator wants them
    access_log log;
    std::string default_host;  ///< for upstreams, from clients that name none
    /// The end has begun: no session may leave its connection idle without having said that it closes.
    bool ending = false;
    /// The listeners are closed, too, so every answer says that its connection closes.
    bool draining = false;

    std::unique_ptr<workspace> borrow_workspace() {
        if (spare_ == nullptr) return std::make_unique<workspace>(settings.bounds.head);
        auto taken = std::move(spare_);
        spare_ = std::move(taken->next);
        return taken;
    }
    void return_workspace(std::unique_ptr<workspace> used) noexcept {
        used->next = std::move(spare_);
        spare_ = std::move(used);
    }

    /// What is known of the client behind a stream; filled by meet() once per connection.
    const client_info& client_of(const penstock::net::stream& s) const noexcept {
        const auto at = static_cast<std::size_t>(s.name().id);
        return (*clients_[at / clients_per_page])[at % clients_per_page];
    }
    penstock::task<> meet(penstock::net::stream& s);

  private:
    // Handles are small numbers, but need not begin at zero: what lies between them costs a pointer per page.
    static constexpr std::size_t clients_per_page = 64;
    using client_page = std::array<client_info, clients_per_page>;

    std::unique_ptr<workspace> spare_;
    std::vector<std::unique_ptr<client_page>> clients_;
};

}  // namespace tinygate
