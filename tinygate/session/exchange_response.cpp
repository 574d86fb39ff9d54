// The half of an exchange that brings the response back.
#include "session/exchange.hpp"
#include "session/failures.hpp"
#include <penstock/scope.hpp>
#include <penstock/transfer.hpp>

#include <array>
#include <utility>

namespace tinygate {

using namespace penstock;
using namespace failures;

namespace {

constexpr int most_interim = 16;  // responses (1xx) before the final one
constexpr std::string_view unasked_interim = "the upstream sent interim responses that were not asked for";

}  // namespace

void exchange::expect_response() {
    limit_.expect(gate_.settings.timeouts.response);
    memory_.response.reset();
    heard_ = false;
}

/// Puts a piece of the response, or its end, where it belongs.
exchange::step exchange::note_heard(result<lease> piece) {
    if (piece && !piece->empty()) {
        heard_ = true;
        from_upstream_.put(std::move(*piece));
        return step::done;
    }
    if (!heard_ && may_retry()) {
        drop_upstream();
        from_upstream_ = {};
        return step::retry;
    }
    answer_ = limit_.passed() ? 504 : 502;
    failure_ = limit_.passed() ? "the upstream took too long to answer" : "the upstream ended before it had answered";
    return step::failed;
}

/// \return done: the head of the final response is complete in from_upstream_; or more, interim, failed
exchange::step exchange::look_at_response() {
    const auto state = memory_.response.parse(from_upstream_.view());
    if (state == http::progress::incomplete) return step::more;
    const http::response_head& head = memory_.response.head();
    if (state == http::progress::complete && head.status >= 200) return step::done;
    if (state == http::progress::complete && head.status == 101 && upgrades_ && uploaded_) return step::done;
    answer_ = 502;
    failure_ = state == http::progress::failed ? memory_.response.failure().what : unasked_interim;
    return state == http::progress::failed || head.status == 101 ? step::failed : step::interim;
}

/// Receives until there is a final response, for which expect_response() was called. `now` is what is known of it.
task<exchange::step> exchange::receive_response_head(step now) {
    for (int interim = 0;; now = look_at_response()) {
        if (now == step::interim) {
            if (++interim > most_interim) co_return step::failed;
            const step passed = co_await pass_interim();
            if (passed != step::done) co_return step::failed;
            // It may have come with the answer before, and where its head was written the request's was.
            heard_ = true;
            continue;
        }
        if (now != step::more) co_return now;
        auto piece = co_await up_.stream.receive();
        now = note_heard(std::move(piece));
        if (now != step::done) co_return now;
    }
}

// 100 was for us, who may have said it already; others (103) are for the client, unless it knows only HTTP/1.0.
task<exchange::step> exchange::pass_interim() {
    const http::response_head& head = memory_.response.head();
    if (head.status != 100 && request_.minor_version == 1) {
        const std::string_view text =
            write_response_head(memory_, head, from_upstream_.view(), {.keeps = true, .old_client = false});
        const auto sent = co_await client_.send(text);
        if (!sent) {
            answer_ = 0;
            failure_ = client_left;
            co_return step::failed;
        }
    }
    from_upstream_.consume(memory_.response.size());
    memory_.response.reset();
    co_return step::done;
}

/// Sends the response whose head is complete.
task<verdict> exchange::respond() {
    if (memory_.response.head().status == 101) co_return co_await tunnel();
    begin_response();
    const step relayed = co_await relay_response();
    const verdict ended = end_response(relayed == step::done);
    if (cut_short()) co_await reset_client();
    co_return ended;
}

/// Decides how the response goes on, and puts its head into the batch.
void exchange::begin_response() {
    const http::response_head& head = memory_.response.head();
    const http::framing framing = http::body_of(head, request_.method);
    returned_ = http::body_reader(framing);
    // What has no length of its own goes to a client of HTTP/1.0 until the end of the connection.
    const bool old_client = request_.minor_version == 0;
    const bool no_length = framing.kind == http::body_kind::chunked || framing.kind == http::body_kind::until_close;
    returned_framing_ = no_length && !old_client ? outgoing_framing::chunked : outgoing_framing::as_it_is;
    until_close_ = no_length && old_client;
    keeps_ = request_.keep_alive && !gate_.draining && body_.ended() && !until_close_;
    status_ = head.status;
    response_begun_ = true;
    upstream_keeps_ = head.keep_alive;
    if (asked_) note_length(framing);

    const std::string_view text =
        write_response_head(memory_, head, from_upstream_.view(),
                            {.keeps = keeps_, .old_client = old_client, .framing = returned_framing_});
    from_upstream_.consume(memory_.response.size());
    memory_.batch.clear();
    memory_.batch.add(text);
}

/// A small response that is here whole is copied, so that its connection is there for the next request, and its buffer
/// for what comes next, before the client has taken it. Not before the upstream has all of the request: it may answer
/// early, and what of the body is still to come would be taken for the next request.
void exchange::part_from_upstream(relay_batch::collected& found) noexcept {
    if (!uploaded_) return;
    if (found.last != what::end && !returned_.ended()) return;
    if (!memory_.batch.join(memory_.head)) return;
    from_upstream_.consume(std::exchange(found.consumed, 0));
    finish_upstream(upstream_keeps_);
}

/// What becomes of the client's connection.
verdict exchange::end_response(bool whole) noexcept {
    fit_ = whole && upstream_keeps_;
    whole_ = whole;
    if (!whole) return verdict::close;
    if (keeps_) return verdict::next;
    // A client that does not know yet may send its next request, whose arrival must not reset what it is reading.
    return request_.keep_alive ? verdict::linger : verdict::close;
}

/// Of a batch that was sent, or not. \return done: that was all; or more, failed
exchange::step exchange::note_response_sent(bool sent, const relay_batch::collected& found) {
    if (found.last == what::failed) failure_ = returned_.failure().what;
    if (!sent) {
        failure_ = limit_.passed() ? client_reads_slowly : client_left;
        return step::failed;
    }
    memory_.batch.clear();
    sent_ += found.bytes;
    from_upstream_.consume(found.consumed);
    if (found.last == what::end || returned_.ended()) return step::done;
    return found.last == what::failed ? step::failed : step::more;
}

/// What is in the batch, and then the rest of the body as it comes. \return done, if the client has all of it
task<exchange::step> exchange::relay_response() {
    relay_batch& batch = memory_.batch;
    for (;;) {
        auto found = batch.collect(returned_, from_upstream_.view(), returned_framing_);
        if (can_transfer_after(found)) co_return co_await relay_by_transfer(found);
        part_from_upstream(found);
        bool sent = true;
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            sent = (co_await client_.send(batch.slices())).has_value();
        }
        const step now = note_response_sent(sent, found);
        if (now != step::more) co_return now;
        if (found.last == what::data && !from_upstream_.empty()) continue;
        if (from_upstream_.empty()) from_upstream_.release();
        limit_.expect(gate_.settings.timeouts.body);
        auto piece = co_await up_.stream.receive();
        if (!piece || piece->empty()) {
            if (piece && returned_.complete_at_close()) {
                if (returned_framing_ != outgoing_framing::chunked) co_return step::done;
                limit_.expect(gate_.settings.timeouts.send);
                const auto ended = co_await client_.send(http::last_chunk);
                co_return ended ? step::done : step::failed;
            }
            failure_ = limit_.passed() ? upstream_sends_slowly : upstream_cut_short;
            co_return step::failed;
        }
        from_upstream_.put(std::move(*piece));
    }
}

/// Whether what came is used up, and the rest of the body is worth moving without looking at it. Not on a line that is
/// shared: what comes there is mostly for others.
bool exchange::can_transfer_after(const relay_batch::collected& found) const noexcept {
    const std::uint64_t left = returned_.left();
    return !in_line_.reading() && found.consumed == from_upstream_.view().size() &&
           left != http::body_reader::no_length && left >= transfer_splice_threshold;
}

/// What is in the batch, and behind it the rest of a body of known length.
task<exchange::step> exchange::relay_by_transfer(relay_batch::collected found) {
    const std::uint64_t left = returned_.left();
    sent_ += found.bytes;
    transfer_progress progress;
    limit_.watch(&progress.delivered, gate_.settings.timeouts.body);
    transfer_ahead ahead{.slices = memory_.batch.slices(), .memory = from_upstream_.hand_over()};
    const auto passed = co_await transfer(up_.stream, client_, left, &progress, &ahead);
    limit_.watch(nullptr, gate_.settings.timeouts.body);
    sent_ += progress.delivered;
    returned_.skip(progress.taken);
    if (passed && *passed == left) co_return step::done;
    const bool clients_fault = progress.failed == transfer_side::to;
    if (limit_.passed()) {
        failure_ = clients_fault ? client_reads_slowly : upstream_sends_slowly;
    } else {
        failure_ = clients_fault ? client_left : upstream_cut_short;
    }
    co_return step::failed;
}

/// Bytes in both directions until both have ended.
task<verdict> exchange::tunnel() {
    status_ = 101;
    response_begun_ = true;
    const std::string_view text = write_response_head(memory_, memory_.response.head(), from_upstream_.view(), {});
    from_upstream_.consume(memory_.response.size());
    const std::array<io_slice, 2> first{io_slice(text), io_slice(from_upstream_.view())};
    limit_.expect(gate_.settings.timeouts.send);
    bool open = (co_await client_.send(first)).has_value();
    from_upstream_.release();
    if (open && !from_client_.empty()) open = (co_await up_.stream.send(from_client_.view())).has_value();
    from_client_.consume(from_client_.view().size());
    from_client_.release();
    broken_ = !open;
    if (open) {
        limit_.watch(&moved_, gate_.settings.timeouts.tunnel);
        co_await with_scope([this](scope& both) -> task<> {
            both.spawn(pump(client_, up_.stream, received_, both));
            both.spawn(pump(up_.stream, client_, sent_, both));
            co_await both.join();
        });
        limit_.watch(nullptr, gate_.settings.timeouts.send);
    }
    if (broken_) {  // told as what it is: after an end in order, what was cut short would pass for the whole
        co_await reset_client();
        static_cast<void>(co_await up_.stream.set_option(net::socket_option::linger, 0));
    }
    finish_upstream(false);
    co_return verdict::close;
}

/// The close that follows will say that something has failed.
task<> exchange::reset_client() { static_cast<void>(co_await client_.set_option(net::socket_option::linger, 0)); }

/// One direction of a tunnel, until it ends.
task<> exchange::pump(net::stream& from, net::stream& to, std::uint64_t& moved, scope& both) {
    for (;;) {
        auto piece = co_await from.receive();
        if (!piece && piece.error() != std::errc::operation_canceled) {
            broken_ = true;
            both.cancel();  // nobody will hear what the other direction carries
            co_return;
        }
        if (!piece || piece->empty()) break;
        const auto sent = co_await to.send(piece->bytes());
        if (!sent) {  // what `to` had said before may still be on its way through the other direction
            broken_ = broken_ || sent.error() != std::errc::operation_canceled;
            break;
        }
        moved_ += piece->size();
        moved += piece->size();
    }
    if (broken_) co_return;  // after a failure that a send was told of, receive() may say that it was an end in order
    static_cast<void>(co_await to.shutdown_send());
    limit_.watch(&moved_, gate_.settings.timeouts.body);  // the other direction, if it goes on
}

}  // namespace tinygate
