// One request and its answer: from a complete head to the last byte of the response.
#pragma once

#include "clock/time_limit.hpp"
#include "session/heads.hpp"
#include "session/worker.hpp"
#include "upstream/input.hpp"
#include <penstock/http/body.hpp>
#include <penstock/scope.hpp>
#include <penstock/stream.hpp>

#include <cstdint>
#include <optional>
#include <string_view>

namespace tinygate {

/// What becomes of the client's connection after an exchange.
enum class verdict : std::uint8_t {
    next,    ///< another request may follow
    close,   ///< it is closed
    linger,  ///< it is closed once the client has heard the answer: there is more of its request than was read
};

/// Carries one request to an upstream and the response back. It knows the client as a stream with input and nothing of
/// what came before or follows on that connection.
class exchange {
  public:
    /// \param limit cancels the exchange; it must run under it
    exchange(worker& gate, penstock::net::stream& client, input& from_client, workspace& memory, time_limit& limit)
        : gate_(gate),
          client_(client),
          from_client_(from_client),
          memory_(memory),
          limit_(limit),
          request_(memory.request.head()),
          body_(request_.body) {}
    ~exchange() { drop_upstream(); }
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// The whole of it. The request's head is complete in `from_client`, and used up when this ends.
    penstock::task<verdict> run();

    // For the access log.
    std::uint16_t status() const noexcept { return status_; }
    std::uint64_t received() const noexcept { return received_; }
    std::uint64_t sent() const noexcept { return sent_; }
    std::string_view upstream() const noexcept { return up_.to == nullptr ? std::string_view{} : up_.to->name; }
    std::string_view failure() const noexcept { return failure_; }

  private:
    using what = penstock::http::body_reader::what;
    enum class step : std::uint8_t { done, retry, failed };

    // In a line with the requests of other clients
    bool may_share() const noexcept;
    penstock::task<std::optional<verdict>> run_in_line(std::string_view head);
    void keep_line_moving(const penstock::http::framing& framing) noexcept;

    // Towards the upstream
    penstock::task<step> reach_upstream();
    penstock::task<step> attempt(std::string_view head);
    struct failed_upload {
        std::uint16_t status = 0;  // 0: nobody is left to be told
        std::string_view why;
    };
    penstock::task<bool> upload(std::optional<failed_upload>& fault);
    penstock::task<bool> upload_by_transfer(std::optional<failed_upload>& fault, std::uint64_t left);
    penstock::task<verdict> upload_and_respond();
    penstock::task<> upload_until_failed(penstock::scope& both, std::optional<failed_upload>& fault);
    penstock::task<> respond_meanwhile(penstock::scope& both, const std::optional<failed_upload>& fault,
                                       std::optional<verdict>& outcome);
    bool may_retry() const noexcept;

    // Back to the client
    penstock::task<step> receive_response_head();
    penstock::task<step> pass_interim();
    penstock::task<verdict> respond();
    penstock::task<bool> relay_response(penstock::http::body_reader& body, outgoing_framing framing);
    penstock::task<> reset_client();
    penstock::task<verdict> tunnel();
    penstock::task<> pump(penstock::net::stream& from, penstock::net::stream& to, std::uint64_t& moved,
                          penstock::scope& both);
    penstock::task<verdict> answer(std::uint16_t status, std::string_view why);
    penstock::task<verdict> fail_upstream();
    bool exceeds_bound() const noexcept { return received_ > gate_.settings.bounds.body; }
    void finish_upstream(bool reusable) noexcept;
    void drop_upstream() noexcept;

    worker& gate_;
    penstock::net::stream& client_;
    input& from_client_;
    workspace& memory_;
    time_limit& limit_;
    const penstock::http::request_head& request_;
    penstock::http::body_reader body_;
    connection up_;
    input from_upstream_;
    place in_line_;  // up_ is borrowed while it is reading
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t moved_ = 0;  // bytes of both directions, for the time limit
    std::string_view failure_;
    std::uint16_t status_ = 0;
    std::uint16_t answer_ = 0;     // what the client is told if the exchange fails before a response has begun
    bool response_begun_ = false;  // from here on nothing else can be told
    bool upgrades_ = false;        // the client asked for it, and the upstream is
    bool body_sent_on_ = false;    // something of the body has left, so it can't be sent again
    bool uploading_ = false;       // while the response is awaited, too
    bool uploaded_ = false;        // the upstream has all of the request; body_ has ended before that
    bool upstream_keeps_ = false;  // says its response
    bool fit_ = false;             // the upstream's connection, for another request
    bool retried_ = false;         // with a connection of its own from now on
    bool broken_ = false;          // a side of the tunnel has failed, rather than ended
};

}  // namespace tinygate
