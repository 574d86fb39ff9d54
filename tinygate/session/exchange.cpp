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

constexpr std::string_view too_large = "the body is larger than this server takes";
constexpr std::string_view client_left = "the client left";
constexpr std::string_view client_slow = "the client sent its body too slowly";
constexpr std::string_view upstream_slow = "the upstream took the request too slowly";

outgoing_framing framing_of(const http::framing& body) noexcept {
    return body.kind == http::body_kind::chunked ? outgoing_framing::chunked : outgoing_framing::as_it_is;
}

}  // namespace

task<verdict> exchange::run() {
    if (request_.method == http::method::connect || request_.method == http::method::trace) {
        co_return co_await refuse(405, "this method is not offered here");
    }
    if (request_.body.kind == http::body_kind::length && request_.body.length > gate_.settings.bounds.body) {
        co_return co_await refuse(413, too_large);
    }
    const std::string_view bytes = from_client_.view();
    upgrades_ = may_upgrade(request_, bytes);
    const std::string_view head = write_request_head(
        memory_, request_, bytes,
        {.client = gate_.client_of(client_).address(), .host_if_none = gate_.default_host, .upgrades = upgrades_});
    const std::size_t head_size = memory_.request.size();
    from_client_.consume(head_size);

    for (;;) {
        const step reached = co_await reach_upstream();
        if (reached != step::done) co_return co_await fail_upstream();
        const step sent = co_await attempt(head);
        if (sent == step::failed) co_return co_await fail_upstream();
        if (sent == step::done && !uploaded_) co_return co_await upload_and_respond();
        if (sent == step::done) {
            if (from_client_.empty()) from_client_.release();
            limit_.expect(gate_.settings.timeouts.response);
            const step answered = co_await receive_response_head();
            if (answered == step::done) {
                const verdict ended = co_await respond();
                finish_upstream(fit_);
                co_return ended;
            }
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
        limit_.expect(2 * gate_.settings.timeouts.connect);  // the pool has its own for each
        auto opened = co_await gate_.upstreams.connect(candidate);
        if (opened) {
            up_ = std::move(*opened);
            failure_ = {};
            co_return step::done;
        }
        answer_ = 502;
        failure_ = "no upstream could be connected to";
        if (opened.error() == std::errc::timed_out) {
            answer_ = 504;
            failure_ = "connecting to an upstream took too long";
        } else if (is_shortage(opened.error())) {
            answer_ = 503;
            failure_ = "this server is out of descriptors or memory";
            break;
        } else if (opened.error() == std::errc::operation_canceled) {
            break;
        }
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
        received_ = first.bytes;
        if (exceeds_bound()) {
            answer_ = 413;
            failure_ = too_large;
            co_return step::failed;
        }
        body_sent_on_ = body_sent_on_ || first.consumed != 0;
    }
    limit_.expect(gate_.settings.timeouts.send);
    const auto sent = co_await up_.stream.send(memory_.batch.slices());
    from_client_.consume(first.consumed);
    if (sent) {
        uploaded_ = body_.ended();
        co_return step::done;
    }
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
    return up_.reused && !limit_.passed() && !response_begun_ && !body_sent_on_ && body_.ended() &&
           http::is_idempotent(request_.method);
}

/// The rest of the request's body. \return whether the upstream has all of it; if not, and it is not because the
/// upstream takes no more, `fault` says why.
task<bool> exchange::upload(std::optional<failed_upload>& fault) {
    const outgoing_framing framing = framing_of(request_.body);
    relay_batch batch;
    while (!body_.ended()) {
        if (from_client_.empty()) {
            from_client_.release();
            const std::uint64_t left = body_.left();
            if (left != http::body_reader::no_length && left >= transfer_splice_threshold) {
                const bool passed = co_await upload_by_transfer(fault, left);
                if (!passed) co_return false;
                continue;
            }
            limit_.expect(gate_.settings.timeouts.body);
            auto piece = co_await client_.receive();
            if (!piece || piece->empty()) {
                if (limit_.passed()) {
                    fault.emplace(408, client_slow);
                } else {
                    fault.emplace(0, client_left);
                }
                co_return false;
            }
            from_client_.put(std::move(*piece));
        }
        batch.clear();
        const auto found = batch.collect(body_, from_client_.view(), framing);
        received_ += found.bytes;
        if (found.last == what::failed) {
            fault.emplace(body_.failure().status, body_.failure().what);
            co_return false;
        }
        if (exceeds_bound()) {
            fault.emplace(413, too_large);
            co_return false;
        }
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            const auto sent = co_await up_.stream.send(batch.slices());
            from_client_.consume(found.consumed);  // also if it was cancelled: what is left is the next request
            if (!sent) {
                if (limit_.passed()) fault.emplace(504, upstream_slow);
                co_return false;
            }
        } else {
            from_client_.consume(found.consumed);
        }
    }
    co_return true;
}

task<bool> exchange::upload_by_transfer(std::optional<failed_upload>& fault, std::uint64_t left) {
    transfer_progress progress;
    limit_.watch(&progress.delivered, gate_.settings.timeouts.body);
    const auto passed = co_await transfer(client_, up_.stream, left, &progress);
    limit_.watch(nullptr, gate_.settings.timeouts.response);
    received_ += progress.delivered;
    body_.skip(progress.taken);
    if (passed && *passed == left) co_return true;
    const bool upstreams_fault = progress.failed == transfer_side::to;
    if (limit_.passed()) {
        fault.emplace(upstreams_fault ? 504 : 408, upstreams_fault ? upstream_slow : client_slow);
    } else if (!upstreams_fault) {
        fault.emplace(0, client_left);
    }
    co_return false;
}

// The upstream may answer before it has all of the request, and may even need its answer read to go on reading.
task<verdict> exchange::upload_and_respond() {
    if (request_.expects_continue && from_client_.empty()) {
        limit_.expect(gate_.settings.timeouts.send);
        const auto sent = co_await client_.send(go_on);
        if (!sent) {
            failure_ = client_left;
            co_return verdict::close;
        }
    }
    body_sent_on_ = true;
    std::optional<verdict> outcome;
    std::optional<failed_upload> fault;
    co_await with_scope([&](scope& both) -> task<> {
        both.spawn(upload_until_failed(both, fault));
        both.spawn(respond_meanwhile(both, fault, outcome));
        co_await both.join();
    });
    if (outcome) {
        finish_upstream(fit_ && uploaded_);  // the last piece may be known to have left only now
        co_return body_.ended() ? *outcome : verdict::linger;
    }
    // The client's fault, or it has left.
    gate_.upstreams.discard(up_);
    failure_ = fault ? fault->why : client_left;
    if (!fault || fault->status == 0) co_return verdict::close;
    co_return co_await refuse(fault->status, fault->why);
}

task<> exchange::upload_until_failed(scope& both, std::optional<failed_upload>& fault) {
    uploading_ = true;
    uploaded_ = co_await upload(fault);
    uploading_ = false;
    if (response_begun_) co_return;
    if (fault) {
        both.cancel();
    } else {  // if the upstream takes no more, it may say why
        limit_.expect(gate_.settings.timeouts.response);
    }
}

task<> exchange::respond_meanwhile(scope& both, const std::optional<failed_upload>& fault,
                                   std::optional<verdict>& outcome) {
    const step answered = co_await receive_response_head();
    // Cancelled because of the request: that is told by upload(). The response's own time begins after it.
    if (both.cancelled() && (fault || uploading_ || !limit_.passed())) co_return;
    if (answered == step::done) {
        outcome.emplace(co_await respond());
    } else {
        outcome.emplace(co_await fail_upstream());
    }
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
            if (head.status >= 200 || (head.status == 101 && upgrades_ && uploaded_)) co_return step::done;
            if (head.status == 101 || ++interim > most_interim) {
                answer_ = 502;
                failure_ = "the upstream sent interim responses that were not asked for";
                co_return step::failed;
            }
            const step passed = co_await pass_interim();
            if (passed != step::done) co_return step::failed;
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
    const http::response_head& head = memory_.response.head();
    if (head.status == 101) co_return co_await tunnel();
    const http::framing framing = http::body_of(head, request_.method);
    http::body_reader body(framing);
    // What has no length of its own goes to a client of HTTP/1.0 until the end of the connection.
    const bool old_client = request_.minor_version == 0;
    const bool no_length = framing.kind == http::body_kind::chunked || framing.kind == http::body_kind::until_close;
    const outgoing_framing out = no_length && !old_client ? outgoing_framing::chunked : outgoing_framing::as_it_is;
    const bool keeps = request_.keep_alive && !gate_.draining && body_.ended() && !(no_length && old_client);
    status_ = head.status;
    response_begun_ = true;
    const bool upstream_keeps = head.keep_alive;

    const std::string_view text = write_response_head(memory_, head, from_upstream_.view(),
                                                      {.keeps = keeps, .old_client = old_client, .framing = out});
    from_upstream_.consume(memory_.response.size());
    memory_.batch.clear();
    memory_.batch.add(text);
    const bool whole = co_await relay_response(body, out);
    fit_ = whole && upstream_keeps;
    if (!whole) co_return verdict::close;
    if (keeps) co_return verdict::next;
    // A client that does not know yet may send its next request, whose arrival must not reset what it is reading.
    co_return request_.keep_alive ? verdict::linger : verdict::close;
}

/// The head is in the batch; the body follows as it comes. \return whether the client has all of it.
task<bool> exchange::relay_response(http::body_reader& body, outgoing_framing framing) {
    relay_batch& batch = memory_.batch;
    for (;;) {
        const auto found = batch.collect(body, from_upstream_.view(), framing);
        if (found.last == what::failed) failure_ = body.failure().what;
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            const auto sent = co_await client_.send(batch.slices());
            if (!sent) {
                failure_ = limit_.passed() ? "the client read too slowly" : client_left;
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
                const bool clients_fault = progress.failed == transfer_side::to;
                if (limit_.passed()) {
                    failure_ = clients_fault ? "the client read too slowly" : "the upstream sent its body too slowly";
                } else {
                    failure_ = clients_fault ? client_left : "the upstream ended in the body";
                }
                co_return false;
            }
            co_return true;
        }
        limit_.expect(gate_.settings.timeouts.body);
        auto piece = co_await up_.stream.receive();
        if (!piece || piece->empty()) {
            if (piece && body.complete_at_close()) {
                if (framing != outgoing_framing::chunked) co_return true;
                limit_.expect(gate_.settings.timeouts.send);
                const auto ended = co_await client_.send(http::last_chunk);
                co_return ended.has_value();
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
        constexpr auto pump = [](exchange& self, net::stream& from, net::stream& to,
                                 std::uint64_t& of_this_side) -> task<> {
            auto side = net::shutdown_side::send;  // the other direction goes on
            for (;;) {
                auto piece = co_await from.receive();
                if (!piece) side = net::shutdown_side::both;  // nobody will send or hear anything any more
                if (!piece || piece->empty()) break;
                const auto sent = co_await to.send(piece->bytes());
                if (!sent) break;
                self.moved_ += piece->size();
                of_this_side += piece->size();
            }
            static_cast<void>(co_await to.shutdown(side));
            self.limit_.watch(&self.moved_, self.gate_.settings.timeouts.body);  // the other direction, if it goes on
        };
        co_await when_all(pump(*this, client_, up_.stream, received_), pump(*this, up_.stream, client_, sent_));
        limit_.watch(nullptr, gate_.settings.timeouts.send);
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
