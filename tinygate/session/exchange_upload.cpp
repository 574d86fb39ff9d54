// The half of an exchange that sends the request's body on while the response is awaited.
#include "session/exchange.hpp"
#include "session/failures.hpp"
#include <penstock/scope.hpp>
#include <penstock/transfer.hpp>

#include <utility>

namespace tinygate {

using namespace penstock;
using namespace failures;

namespace {

constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";

}  // namespace

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
    drop_upstream();
    failure_ = fault ? fault->why : client_left;
    if (!fault || fault->status == 0) co_return verdict::close;
    co_return co_await answer(fault->status, fault->why);
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
    memory_.response.reset();
    heard_ = false;
    const step answered = co_await receive_response_head(step::more);
    // Cancelled because of the request: that is told by upload(). The response's own time begins after it.
    if (both.cancelled() && (fault || uploading_ || !limit_.passed())) co_return;
    if (answered == step::done) {
        outcome.emplace(co_await respond());
    } else {
        outcome.emplace(co_await fail_upstream());
    }
    both.cancel();
}

}  // namespace tinygate
