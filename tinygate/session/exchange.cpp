// An exchange from its request to its verdict. The request's body is in exchange_upload.cpp, the way back in
// exchange_response.cpp.
#include "session/exchange.hpp"

#include "session/failures.hpp"
#include <penstock/timeout.hpp>

#include <utility>

namespace tinygate {

using namespace penstock;
using namespace failures;

task<verdict> exchange::run() {
    if (request_.method == http::method::connect || request_.method == http::method::trace) {
        co_return co_await answer(405, "this method is not offered here");
    }
    if (request_.body.kind == http::body_kind::length && request_.body.length > gate_.settings.bounds.body) {
        co_return co_await answer(413, too_large);
    }
    const std::string_view bytes = from_client_.view();
    upgrades_ = may_upgrade(request_, bytes);
    const std::string_view head = write_request_head(
        memory_, request_, bytes,
        {.client = gate_.client_of(client_).address(), .host_if_none = gate_.default_host, .upgrades = upgrades_});
    from_client_.consume(memory_.request.size());
    if (from_client_.empty()) from_client_.release();

    const bool shares = may_share(head);
    // The usual exchange is a message each way and no more. It waits here and not in coroutines of its parts, whose
    // frames would cost it a good part of its time when there are many: the memory of each has left the cache by then.
    for (;;) {
        auto joined = shares && !retried_ ? gate_.shared.join(in_line_, head) : lines::joined::no;
        if (joined == lines::joined::if_opened) {
            limit_.expect(2 * gate_.settings.timeouts.connect);  // the pool has its own
            joined = co_await gate_.shared.open(in_line_, head);
        }
        step reached = step::done;
        if (joined == lines::joined::yes) {
            limit_.expect(gate_.settings.timeouts.response);
            const bool its_turn = co_await in_line_.turn();
            reached = note_turn(its_turn);
        } else {
            reached = take_idle_upstream();
            if (reached == step::more) reached = co_await reach_upstream();
            if (reached == step::done) reached = begin_request(head);
            if (reached == step::done) {
                limit_.expect(gate_.settings.timeouts.send);
                const auto sent = co_await up_.stream.send(memory_.batch.slices());
                reached = note_request_sent(sent.has_value());
            }
            if (reached == step::done && !uploaded_) co_return co_await upload_and_respond();
        }
        if (reached == step::done) {
            expect_response();
            if (from_upstream_.empty()) {  // or it has come with that of whoever was before in the line
                auto piece = co_await up_.stream.receive();
                reached = note_heard(std::move(piece));
            }
            if (reached == step::done) reached = look_at_response();
            if (reached == step::more || reached == step::interim) reached = co_await receive_response_head(reached);
        }
        if (reached == step::failed) co_return co_await fail_upstream();
        if (reached == step::done) break;
        retried_ = true;
    }
    if (memory_.response.head().status == 101) {
        const verdict ended = co_await tunnel();
        co_return ended;
    }
    begin_response();
    auto first = memory_.batch.collect(returned_, from_upstream_.view(), returned_framing_);
    part_from_upstream(first);
    step relayed = step::more;
    if (can_transfer_after(first)) {
        relayed = co_await relay_by_transfer(first);
    } else {
        limit_.expect(gate_.settings.timeouts.send);
        const auto sent = co_await client_.send(memory_.batch.slices());
        relayed = note_response_sent(sent.has_value(), first);
        if (relayed == step::more) relayed = co_await relay_response();
    }
    const verdict ended = end_response(relayed == step::done);
    if (cut_short()) co_await reset_client();
    finish_upstream(fit_);
    co_return ended;
}

// --- Towards the upstream -------------------------------------------------------------------------------------------

/// An idle connection to whoever's turn it is. \return more, if there is none
exchange::step exchange::take_idle_upstream() {
    turn_of_ = &gate_.upstreams.next();
    if (!retried_) up_ = gate_.upstreams.take_idle(*turn_of_);
    return up_.stream.open() ? step::done : step::more;
}

// Where connecting fails nothing was sent, so the next one is asked.
task<exchange::step> exchange::reach_upstream() {
    answer_ = 503;
    failure_ = "every upstream has as many connections as it may";
    for (std::size_t tried = 0; tried < gate_.upstreams.peers(); ++tried) {
        const step idle = tried == 0 ? step::more : take_idle_upstream();
        if (idle == step::done) {
            failure_ = {};
            co_return step::done;
        }
        peer& candidate = *turn_of_;
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

/// The head, and what is there of the body, as one message.
exchange::step exchange::begin_request(std::string_view head) {
    memory_.batch.clear();
    memory_.batch.add(head);
    first_of_body_ = 0;
    if (body_.ended()) return step::done;
    const auto first = memory_.batch.collect(body_, from_client_.view(), framing_of(request_.body));
    if (first.last == what::failed) {
        answer_ = 400;
        failure_ = body_.failure().what;
        return step::failed;
    }
    received_ = first.bytes;
    if (exceeds_bound()) {
        answer_ = 413;
        failure_ = too_large;
        return step::failed;
    }
    body_sent_on_ = body_sent_on_ || first.consumed != 0;
    if (memory_.batch.join(memory_.head)) {
        from_client_.consume(first.consumed);
        if (from_client_.empty()) from_client_.release();
    } else {
        first_of_body_ = first.consumed;
    }
    return step::done;
}

exchange::step exchange::note_request_sent(bool sent) noexcept {
    from_client_.consume(first_of_body_);
    if (sent) {
        uploaded_ = body_.ended();
        return step::done;
    }
    if (may_retry()) {
        drop_upstream();
        return step::retry;
    }
    answer_ = limit_.passed() ? 504 : 502;
    failure_ = "the upstream took no request";
    return step::failed;
}

// An idle connection may be closed by its peer at any time, also while a request is on its way. Whether that was seen
// can't be known, so only what has no other effect the second time is sent again, and only if all of it is still here.
bool exchange::may_retry() const noexcept {
    return up_.reused && !limit_.passed() && !response_begun_ && !body_sent_on_ && body_.ended() &&
           http::is_idempotent(request_.method);
}

// --- The end
// ----------------------------------------------------------------------------------------------------------

void exchange::finish_upstream(bool reusable) noexcept {
    if (!up_.stream.open()) return;
    if (in_line_.reading()) return in_line_.done(std::move(up_), std::move(from_upstream_), reusable);
    if (reusable && from_upstream_.empty()) {
        from_upstream_.release();
        const auto to = up_.to;
        gate_.upstreams.put_back({.stream = std::move(up_.stream), .to = to, .reused = true});
    } else {
        gate_.upstreams.discard(up_);
    }
}

void exchange::drop_upstream() noexcept {
    if (in_line_.reading()) return finish_upstream(false);
    gate_.upstreams.discard(up_);
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
    drop_upstream();
    if (answer_ == 0 || response_begun_) co_return verdict::close;
    co_return co_await answer(answer_, failure_);
}

}  // namespace tinygate
