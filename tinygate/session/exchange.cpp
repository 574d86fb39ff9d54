#include "session/exchange.hpp"

#include <penstock/scope.hpp>
#include <penstock/transfer.hpp>
#include <penstock/when.hpp>

#include <utility>

namespace tinygate {

using namespace penstock;

namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

constexpr int most_interim = 16;  // responses (1xx) before the final one

outgoing_framing framing_of(const http::framing& body) noexcept {
    return body.kind == http::body_kind::chunked ? outgoing_framing::chunked : outgoing_framing::as_it_is;
}

}  // namespace

task<verdict> exchange::run() {
    if (request_.method == http::method::connect || request_.method == http::method::trace) {
        co_return co_await refuse(405, "this method is not offered here");
    }
    if (request_.body.kind == http::body_kind::length && request_.body.length > gate_.settings.bounds.body) {
        co_return co_await refuse(413, "the body is larger than this server takes");
    }
    const auto& client = gate_.client_of(client_);
    const std::string_view bytes = from_client_.view();
    const std::string_view head = write_request_head(memory_, request_, bytes, client);
    const std::size_t head_size = memory_.request.size();
    from_client_.consume(head_size);

    for (;;) {
        if (co_await reach_upstream() != step::done) co_return co_await fail_upstream();
        const step sent = co_await attempt(head);
        if (sent == step::failed) co_return co_await fail_upstream();
        if (sent == step::done && !request_is_over()) co_return co_await upload_and_respond();
        if (sent == step::done) {
            if (from_client_.empty()) from_client_.release();
            limit_.expect(gate_.settings.timeouts.response);
            const step answered = co_await receive_response_head();
            if (answered == step::done) co_return co_await respond();
            if (answered == step::failed) co_return co_await fail_upstream();
        }
        ++gate_.figures.retried;
        retried_ = true;
    }
}

// --- Towards the upstream -------------------------------------------------------------------------------------------

// A connection to whoever's turn it is. Where connecting fails nothing was sent, so the next one is asked.
task<exchange::step> exchange::reach_upstream() {
    answer_ = 503;
    failure_ = "every upstream has as many connections as it may";
    for (std::size_t tried = 0; tried < gate_.upstreams.peers(); ++tried) {
        peer& candidate = gate_.upstreams.next();
        if (!retried_) up_ = gate_.upstreams.take_idle(candidate);
        if (up_.stream.open()) {
            failure_ = {};
            co_return step::done;
        }
        if (!gate_.upstreams.has_room(candidate)) continue;
        limit_.expect(gate_.settings.timeouts.connect);
        auto opened = co_await gate_.upstreams.connect(candidate);
        if (opened) {
            up_ = std::move(*opened);
            failure_ = {};
            co_return step::done;
        }
        answer_ = 502;
        failure_ = "no upstream could be connected to";
        if (limit_.passed()) {
            answer_ = 504;
            failure_ = "connecting to an upstream took too long";
            break;  // the time limit is used up
        }
        if (opened.error() == std::errc::operation_canceled) break;
    }
    co_return step::failed;
}

/// Sends the head, and what is there of the body, as one message.
task<exchange::step> exchange::attempt(std::string_view head) {
    memory_.batch.clear();
    memory_.batch.add(head);
    relay_batch::collected first{};
    if (!body_.ended()) {
        first = memory_.batch.collect(body_, from_client_.view(), framing_of(request_.body));
        if (first.last == what::failed) {
            answer_ = 400;
            failure_ = body_.failure().what;
            co_return step::failed;
        }
        body_sent_on_ = body_sent_on_ || first.bytes != 0;
    }
    limit_.expect(gate_.settings.timeouts.send);
    const auto sent = co_await up_.stream.send(memory_.batch.slices());
    from_client_.consume(first.consumed);
    received_ += first.bytes;
    if (sent) co_return step::done;
    if (may_retry()) {
        gate_.upstreams.discard(up_);
        co_return step::retry;
    }
    answer_ = limit_.passed() ? 504 : 502;
    failure_ = "the upstream took no request";
    co_return step::failed;
}

// An idle connection may be closed by its peer at any time, also while a request is on its way. Whether that was seen
// can't be known, so only what has no other effect the second time is sent again, and only if all of it is still here.
bool exchange::may_retry() const noexcept {
    return up_.reused && !limit_.passed() && !response_begun_ && !body_sent_on_ && request_is_over() &&
           http::is_idempotent(request_.method);
}

/// The rest of the request's body. \return whether the upstream has all of it.
task<bool> exchange::upload() {
    const outgoing_framing framing = framing_of(request_.body);
    relay_batch batch;
    while (!request_is_over()) {
        if (from_client_.empty()) {
            const std::uint64_t left = body_.left();
            if (left != http::body_reader::no_length && left >= transfer_splice_threshold) {
                from_client_.release();
                transfer_progress progress;
                limit_.watch(&progress.delivered, gate_.settings.timeouts.body);
                const auto passed = co_await transfer(client_, up_.stream, left, &progress);
                limit_.watch(nullptr, gate_.settings.timeouts.response);
                received_ += progress.delivered;
                body_.skip(progress.taken);
                if (!passed || *passed != left) {
                    if (progress.failed != transfer_side::to) answer_ = 408;
                    co_return false;
                }
                continue;
            }
            limit_.expect(gate_.settings.timeouts.body);
            auto piece = co_await client_.receive();
            if (!piece || piece->empty()) {
                answer_ = limit_.passed() ? 408 : 0;  // 0: gone
                failure_ = limit_.passed() ? "the client sent its body too slowly" : "the client left";
                co_return false;
            }
            from_client_.put(std::move(*piece));
        }
        batch.clear();
        const auto found = batch.collect(body_, from_client_.view(), framing);
        received_ += found.bytes;
        if (found.last == what::failed || received_ > gate_.settings.bounds.body) {
            answer_ = found.last == what::failed ? 400 : 413;
            failure_ = found.last == what::failed ? body_.failure().what : "the body is larger than this server takes";
            co_return false;
        }
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            if (!co_await up_.stream.send(batch.slices())) {
                if (limit_.passed()) answer_ = 504;
                co_return false;
            }
        }
        from_client_.consume(found.consumed);
    }
    co_return true;
}

// The upstream may answer before it has all of the request, and may even need its answer read to go on reading.
task<verdict> exchange::upload_and_respond() {
    if (request_.expects_continue && from_client_.empty()) {
        limit_.expect(gate_.settings.timeouts.send);
        if (!co_await client_.send(go_on)) co_return verdict::close;
    }
    body_sent_on_ = true;
    answer_ = 502;
    failure_ = "the upstream ended before it had answered";
    std::optional<verdict> outcome;
    std::optional<failed_upload> fault;
    co_await with_scope([&](scope& both) -> task<> {
        both.spawn(upload_until_failed(both, fault));
        both.spawn(respond_meanwhile(both, outcome));
        co_await both.join();
    });
    if (!outcome) {  // the client's fault, or it has left
        gate_.upstreams.discard(up_);
        if (!fault || fault->status == 0) co_return verdict::close;
        ++gate_.figures.refused;
        co_return co_await answer(fault->status, fault->why);
    }
    co_return request_is_over() ? *outcome : verdict::linger;
}

task<> exchange::upload_until_failed(scope& both, std::optional<failed_upload>& fault) {
    const bool whole = co_await upload();
    if (whole) {
        if (!response_begun_) limit_.expect(gate_.settings.timeouts.response);
    } else if (!response_begun_ && answer_ != 502) {
        fault.emplace(answer_, failure_);
        both.cancel();
    }  // else the upstream takes no more, and says why, or the response is under way
}

task<> exchange::respond_meanwhile(scope& both, std::optional<verdict>& outcome) {
    const step answered = co_await receive_response_head();
    if (both.cancelled()) co_return;
    outcome = answered == step::done ? co_await respond() : co_await fail_upstream();
    both.cancel();
}

// --- Back to the client ---------------------------------------------------------------------------------------------

/// Receives until the head of the final response is complete in from_upstream_.
task<exchange::step> exchange::receive_response_head() {
    memory_.response.reset();
    bool something = false;
    for (int interim = 0;;) {
        const auto state = memory_.response.parse(from_upstream_.view());
        if (state == http::progress::failed) {
            answer_ = 502;
            failure_ = memory_.response.failure().what;
            co_return step::failed;
        }
        if (state == http::progress::complete) {
            const http::response_head& head = memory_.response.head();
            if (head.status >= 200 || (head.status == 101 && request_.upgrade)) co_return step::done;
            if (head.status == 101 || ++interim > most_interim) {
                answer_ = 502;
                failure_ = "the upstream sent interim responses that were not asked for";
                co_return step::failed;
            }
            if (co_await pass_interim() != step::done) co_return step::failed;
            continue;
        }
        auto piece = co_await up_.stream.receive();
        if (!piece || piece->empty()) {
            if (!something && may_retry()) {
                gate_.upstreams.discard(up_);
                from_upstream_ = {};
                co_return step::retry;
            }
            answer_ = limit_.passed() ? 504 : 502;
            failure_ =
                limit_.passed() ? "the upstream took too long to answer" : "the upstream ended before it had answered";
            co_return step::failed;
        }
        something = true;
        from_upstream_.put(std::move(*piece));
    }
}

// 100 was for us, who may have said it already; others (103) are for the client, unless it knows only HTTP/1.0.
task<exchange::step> exchange::pass_interim() {
    const http::response_head& head = memory_.response.head();
    if (head.status != 100 && request_.minor_version == 1) {
        const std::string_view text =
            write_response_head(memory_, head, from_upstream_.view(), {.keeps = true, .old_client = false});
        if (!co_await client_.send(text)) {
            answer_ = 0;
            co_return step::failed;
        }
    }
    from_upstream_.consume(memory_.response.size());
    memory_.response.reset();
    co_return step::done;
}

/// Sends the response whose head is complete.
task<verdict> exchange::respond() {
    const http::response_head& head = memory_.response.head();
    if (head.status == 101) co_return co_await tunnel();
    const http::framing framing = http::body_of(head, request_.method);
    http::body_reader body(framing);
    // What has no length of its own goes to a client of HTTP/1.0 until the end of the connection.
    const bool old_client = request_.minor_version == 0;
    const bool no_length = framing.kind == http::body_kind::chunked || framing.kind == http::body_kind::until_close;
    const outgoing_framing out = no_length && !old_client ? outgoing_framing::chunked : outgoing_framing::as_it_is;
    const bool keeps = request_.keep_alive && !gate_.draining && request_is_over() && !(no_length && old_client);
    status_ = head.status;
    response_begun_ = true;
    const bool upstream_keeps = head.keep_alive;

    const std::string_view text = write_response_head(memory_, head, from_upstream_.view(),
                                                      {.keeps = keeps, .old_client = old_client, .framing = out});
    from_upstream_.consume(memory_.response.size());
    memory_.batch.clear();
    memory_.batch.add(text);
    const bool whole = co_await relay_response(body, out);
    finish_upstream(whole && upstream_keeps && request_is_over());
    co_return whole&& keeps ? verdict::next : verdict::close;
}

/// The head is in the batch; the body follows as it comes. \return whether the client has all of it.
task<bool> exchange::relay_response(http::body_reader& body, outgoing_framing framing) {
    relay_batch& batch = memory_.batch;
    for (;;) {
        const auto found = batch.collect(body, from_upstream_.view(), framing);
        if (found.last == what::failed) failure_ = body.failure().what;
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            if (!co_await client_.send(batch.slices())) {
                failure_ = limit_.passed() ? "the client read too slowly" : "the client left";
                co_return false;
            }
            batch.clear();
        }
        sent_ += found.bytes;
        from_upstream_.consume(found.consumed);
        if (found.last == what::end || body.ended()) co_return true;
        if (found.last == what::failed) co_return false;
        if (found.last == what::data && !from_upstream_.empty()) continue;
        if (from_upstream_.empty()) from_upstream_.release();
        const std::uint64_t left = body.left();
        if (from_upstream_.empty() && left != http::body_reader::no_length && left >= transfer_splice_threshold) {
            transfer_progress progress;
            limit_.watch(&progress.delivered, gate_.settings.timeouts.body);
            const auto passed = co_await transfer(up_.stream, client_, left, &progress);
            limit_.watch(nullptr, gate_.settings.timeouts.body);
            sent_ += progress.delivered;
            body.skip(progress.taken);
            if (!passed || *passed != left) {
                failure_ = progress.failed == transfer_side::to ? "the client left" : "the upstream ended in the body";
                co_return false;
            }
            co_return true;
        }
        limit_.expect(gate_.settings.timeouts.body);
        auto piece = co_await up_.stream.receive();
        if (!piece || piece->empty()) {
            if (piece && body.complete_at_close()) {
                if (framing == outgoing_framing::chunked)
                    co_return (co_await client_.send(http::last_chunk)).has_value();
                co_return true;
            }
            failure_ = limit_.passed() ? "the upstream sent its body too slowly" : "the upstream ended in the body";
            co_return false;
        }
        from_upstream_.put(std::move(*piece));
    }
}

/// Bytes in both directions until both have ended.
task<verdict> exchange::tunnel() {
    ++gate_.figures.tunnels;
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
    if (open) {
        limit_.watch(&moved_, gate_.settings.timeouts.tunnel);
        constexpr auto pump = [](net::stream& from, net::stream& to, std::uint64_t& moved,
                                 std::uint64_t& of_this_side) -> task<> {
            for (;;) {
                auto piece = co_await from.receive();
                if (!piece || piece->empty()) break;
                if (!co_await to.send(piece->bytes())) break;
                moved += piece->size();
                of_this_side += piece->size();
            }
            static_cast<void>(co_await to.shutdown_send());
        };
        co_await when_all(pump(client_, up_.stream, moved_, received_), pump(up_.stream, client_, moved_, sent_));
    }
    finish_upstream(false);
    co_return verdict::close;
}

void exchange::finish_upstream(bool reusable) noexcept {
    if (!up_.stream.open()) return;
    if (reusable && from_upstream_.empty()) {
        from_upstream_.release();
        const auto to = up_.to;
        gate_.upstreams.put_back({.stream = std::move(up_.stream), .to = to, .reused = true});
    } else {
        gate_.upstreams.discard(up_);
    }
}

task<verdict> exchange::refuse(std::uint16_t status, std::string_view why) {
    ++gate_.figures.refused;
    co_return co_await answer(status, why);
}

/// Answers with an error of the gate's own. Not under the time limit, which may be what has passed.
task<verdict> exchange::answer(std::uint16_t status, std::string_view why) {
    failure_ = why;
    status_ = status;
    response_begun_ = true;
    const bool with_body = request_.method != http::method::head;
    co_await detail::run_under{nullptr};
    static_cast<void>(co_await with_timeout(gate_.settings.timeouts.idle_grace,
                                            client_.send(write_answer(memory_, status, why, false, with_body))));
    co_return verdict::linger;
}

/// What is answered when no upstream did.
task<verdict> exchange::fail_upstream() {
    gate_.upstreams.discard(up_);
    if (answer_ == 0 || response_begun_) co_return verdict::close;
    ++gate_.figures.failed;
    co_return co_await answer(answer_, failure_);
}

}  // namespace tinygate
