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

// Of a response in a line: copying as much costs less than what is behind it would wait.
constexpr std::size_t most_kept = 4096;

}  // namespace

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
            something =
                true;  // it may have come with the answer before, and where its head was written the request's was
            continue;
        }
        auto piece = co_await up_.stream.receive();
        if (!piece || piece->empty()) {
            if (!something && may_retry()) {
                drop_upstream();
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
    upstream_keeps_ = head.keep_alive;
    if (in_line_.reading()) keep_line_moving(framing);

    const std::string_view text = write_response_head(memory_, head, from_upstream_.view(),
                                                      {.keeps = keeps, .old_client = old_client, .framing = out});
    from_upstream_.consume(memory_.response.size());
    memory_.batch.clear();
    memory_.batch.add(text);
    const bool whole = co_await relay_response(body, out);
    fit_ = whole && upstream_keeps_;
    if (!whole && no_length && old_client) co_await reset_client();  // an end in order would say that this was all
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
        std::size_t consumed = found.consumed;
        if (in_line_.reading() && (found.last == what::end || body.ended()) && batch.keep(memory_.kept, most_kept)) {
            from_upstream_.consume(std::exchange(consumed, 0));
            finish_upstream(upstream_keeps_);
        }
        if (!batch.empty()) {
            limit_.expect(gate_.settings.timeouts.send);
            const auto sent = co_await client_.send(batch.slices());
            if (!sent) {
                failure_ = limit_.passed() ? client_reads_slowly : client_left;
                co_return false;
            }
            batch.clear();
        }
        sent_ += found.bytes;
        from_upstream_.consume(consumed);
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
                    failure_ = clients_fault ? client_reads_slowly : upstream_sends_slowly;
                } else {
                    failure_ = clients_fault ? client_left : upstream_cut_short;
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
            failure_ = limit_.passed() ? upstream_sends_slowly : upstream_cut_short;
            co_return false;
        }
        from_upstream_.put(std::move(*piece));
    }
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
