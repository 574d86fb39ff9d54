// An exchange that shares its upstream connection with those of other clients (upstream/line.hpp).
#include "session/exchange.hpp"
#include "session/failures.hpp"
#include <penstock/transfer.hpp>

namespace tinygate {

using namespace penstock;
using namespace failures;

namespace {

// A longer response would keep those behind it waiting for this client to read it.
constexpr std::uint64_t most_in_line = std::uint64_t{64} << 10;

}  // namespace

// What has no effect, so that it may be asked again when the line is lost, and is whole: nobody waits for its client.
// Nor does anybody want to wait for an answer that is likely to be long, which splice(2) moves for less on a connection
// of its own.
bool exchange::may_share(std::string_view head) noexcept {
    const bool suits = gate_.shared.wanted() && body_.ended() && !upgrades_ && request_.minor_version == 1 &&
                       (request_.method == http::method::get || request_.method == http::method::head);
    if (!suits) return false;
    asked_ = long_answers::place_of(head);
    return !gate_.shared.answers().expected(*asked_);
}

/// Whether the line lets it read its response. \return done; or retry, alone, or failed
exchange::step exchange::note_turn(bool its_turn) noexcept {
    if (its_turn) {
        up_ = in_line_.borrow(from_upstream_);
        up_.reused = true;  // whatever happens to it may have happened before this request
        uploaded_ = true;
        return step::done;
    }
    in_line_.leave();
    if (!limit_.passed()) return step::retry;
    answer_ = 504;
    failure_ = "the upstream took too long to answer";
    return step::failed;
}

void exchange::note_length(const http::framing& framing) noexcept {
    const bool is_bounded = framing.kind == http::body_kind::none || framing.kind == http::body_kind::length;
    gate_.shared.answers().note(*asked_, !is_bounded || framing.length >= transfer_splice_threshold);
    if (!in_line_.reading()) return;
    if (!is_bounded || framing.length > most_in_line || !upstream_keeps_) in_line_.send_others_away();
}

}  // namespace tinygate
