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
    enum class step : std::uint8_t { done, more, interim, retry, failed };

    // In a line with the requests of other clients
    bool may_share(std::string_view head) noexcept;
    step note_turn(bool its_turn) noexcept;
    void note_length(const penstock::http::framing& framing) noexcept;

    // Towards the upstream
    step take_idle_upstream();
    penstock::task<step> reach_upstream();
    step begin_request(std::string_view head);
    step note_request_sent(bool sent) noexcept;
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
    void expect_response();
    step note_heard(penstock::result<penstock::lease> piece);
    step look_at_response();
    penstock::task<step> receive_response_head(step now);
    penstock::task<step> pass_interim();
    penstock::task<verdict> respond();
    void begin_response();
    void part_from_upstream(relay_batch::collected& found) noexcept;
    verdict end_response(bool whole) noexcept;
    step note_response_sent(bool sent, const relay_batch::collected& found);
    penstock::task<step> relay_response();
    bool can_transfer_after(const relay_batch::collected& found) const noexcept;
    penstock::task<step> relay_by_transfer(relay_batch::collected found);
    /// The client can't tell from what it got that there should be more: an end in order would say that this was all.
    bool cut_short() const noexcept { return until_close_ && !whole_; }
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
    peer* turn_of_ = nullptr;
    input from_upstream_;
    penstock::http::body_reader returned_{{}};  // the response's body
    std::size_t first_of_body_ = 0;             // of the request's, what went with its head
    place in_line_;                             // up_ is borrowed while it is reading
    std::optional<long_answers::place> asked_;  // if the request may be in a line, and lines are wanted
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
    bool heard_ = false;           // something of this attempt's response has come
    bool keeps_ = false;           // the client's connection, for its next request
    bool until_close_ = false;     // the response goes to a client that takes the end of the connection for its end
    bool whole_ = false;           // the client has all of the response
    outgoing_framing returned_framing_ = outgoing_framing::as_it_is;
    bool broken_ = false;  // a side of the tunnel has failed, rather than ended
};

}  // namespace tinygate
