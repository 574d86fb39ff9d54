// What a client hears.
#include "simulation/body.hpp"
#include "simulation/client.hpp"
#include <penstock/sleep.hpp>
#include <penstock/timeout.hpp>

#include <utility>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

// Of virtual time. More than all the time limits of a gate together, and its clients' turns at few connections.
constexpr duration patience = 2h;

bool has_body(const request_plan& r) {
    return r.method != http::method::head && r.status != 204 && r.status != 304 && !r.upgrades;
}

}  // namespace

task<> conversation::listen() {
    for (bool goes_on = true; goes_on;) {
        const request_plan* const asked = last_ ? nullptr : current();
        if (asked == nullptr) {
            if (!in_.empty()) {
                world_.violate("a client that waits for nothing more was sent {} bytes", in_.size());
                break;
            }
            goes_on = co_await hear(nullptr);
            continue;
        }
        const step heard = co_await answer_head(*asked);
        goes_on = heard != step::over;
        changed_.ring();
    }
    over_ = true;
    changed_.ring();
    both_->cancel();
}

/// \return whether more bytes have come.
task<bool> conversation::hear(const request_plan* asked) {
    if (asked != nullptr && asked->read_pause > duration{0}) {
        const auto slept = co_await sleep_for(asked->read_pause);
        if (!slept) co_return false;
    }
    auto piece = co_await with_timeout(patience, stream_.receive());
    if (piece && !piece->empty()) {
        in_ += piece->text();
        co_return true;
    }
    if (!ended_.empty()) co_return false;  // on purpose
    ended_ = piece ? "closed" : piece.error().message();
    if (!piece && piece.error() == std::errc::timed_out) {
        const std::string which = asked == nullptr ? "an idle connection" : filled("request {}", {text_of(asked->id)});
        world_.violate("{}: no answer and no end within two hours", which);
    }
    co_return false;
}

/// One head and what belongs to it.
task<conversation::step> conversation::answer_head(const request_plan& r) {
    head_.reset();
    for (;;) {
        const auto state = head_.parse(in_);
        if (state == http::progress::complete) break;
        if (state == http::progress::failed) {
            world_.violate("request {}: an answer that is none: {}", r.id, head_.failure().what);
            co_return step::over;
        }
        const bool more = co_await hear(&r);
        if (!more) co_return step::over;
    }
    const step judged = judge_head(r);
    if (judged != step::go_on) co_return judged;
    if (head_.head().status == 101) {
        co_await hear_tunnel(r);
        co_return step::over;
    }
    const http::body_reader body(http::body_of(head_.head(), r.method));
    const bool keeps = head_.head().keep_alive;
    in_.erase(0, head_.size());
    const step heard = co_await answer_body(r, body);
    if (heard == step::over) co_return heard;
    record_of(r).complete = true;
    ++answered_;
    last_ = last_ || !keeps;
    const time_point sent = record_of(r).sent_at;
    if (keeps && sent != never && world_.surely_ending_at(sent)) {
        world_.violate("request {}: the gate was ending, and has told that the connection goes on", r.id);
    }
    // Who is told that it is the end closes, or waits for it.
    if (last_ && plan_.end == last_act::closes) {
        ended_ = "closed by the client";
        co_return step::over;
    }
    co_return step::done;
}

/// \return go_on for a final head, done for an interim one.
conversation::step conversation::judge_head(const request_plan& r) {
    const http::response_head& head = head_.head();
    request_record& seen = record_of(r);
    const auto id = id_in_fields(in_, head.fields);
    const bool by_origin = has_field(in_, head.fields, "X-Origin");
    if (id && *id != r.id) {
        world_.violate("request {}: answered with what belongs to request {}", r.id, *id);
        return step::over;
    }
    if (head.status == 100 || head.status == 103) {
        const bool continues = head.status == 100;
        if (continues && !r.expects_continue) world_.violate("request {}: 100 that it has not asked for", r.id);
        if (!continues && ++seen.interim > r.interim) world_.violate("request {}: more 103s than were sent", r.id);
        if (!continues && !id) world_.violate("request {}: 103 without the origin's fields", r.id);
        go_on_ = go_on_ || continues;
        in_.erase(0, head_.size());
        return step::done;
    }
    seen.status = head.status;
    seen.by_gate = !by_origin;
    if (by_origin && !id) world_.violate("request {}: answered by an origin without its name", r.id);
    if (by_origin && head.status != r.status) {
        world_.violate("request {}: status {} where the origin said {}", r.id, head.status, r.status);
    }
    if (by_origin && r.upgrades != (head.status == 101)) world_.violate("request {}: no tunnel", r.id);
    const unsigned interim = r.old ? 0 : r.interim;  // HTTP/1.0 knows none
    if (by_origin && seen.interim != interim) {
        world_.violate("request {}: {} 103s of {}", r.id, seen.interim, interim);
    }
    return step::go_on;
}

task<conversation::step> conversation::answer_body(const request_plan& r, http::body_reader body) {
    using what = http::body_reader::what;
    const marked_bytes marks(r.id, direction::to_client);
    const bool by_origin = !record_of(r).by_gate;
    const bool leaves = r.leaves == departure::closes_in_answer || r.leaves == departure::resets_in_answer;
    std::uint64_t got = 0;
    std::size_t used = 0;
    for (;;) {
        const auto event = body.next(std::string_view(in_).substr(used));
        used += event.consumed;
        if (event.kind == what::data && by_origin) {
            const std::size_t wrong = marks.first_wrong(got, event.data);
            if (wrong != event.data.size()) {
                world_.violate("request {}: byte {} of the answer is wrong", r.id, got + wrong);
                co_return step::over;
            }
        }
        got += event.data.size();
        if (leaves && by_origin && got > r.leaves_after) {
            record_of(r).left = true;
            resets_ = r.leaves == departure::resets_in_answer;
            ended_ = "left by the client in its answer";
            co_return step::over;
        }
        if (event.kind == what::data) continue;
        in_.erase(0, used);
        used = 0;
        if (event.kind == what::end || body.ended()) break;
        if (event.kind == what::failed) {
            world_.violate("request {}: the answer's framing is broken: {}", r.id, body.failure().what);
            co_return step::over;
        }
        const bool more = co_await hear(&r);
        if (!more && ended_ == "closed" && body.complete_at_close()) break;
        if (!more) co_return step::over;
    }
    const std::uint64_t expected = has_body(r) ? r.answer_size : 0;
    if (by_origin && got != expected) {
        world_.violate("request {}: {} bytes of {} were told to be all of the answer", r.id, got, expected);
    }
    co_return step::done;
}

task<> conversation::hear_tunnel(const request_plan& r) {
    tunnel_ = true;
    in_.erase(0, head_.size());
    changed_.ring();
    const marked_bytes marks(r.id, direction::to_client);
    std::uint64_t got = 0;
    for (bool more = true; more;) {
        const std::size_t wrong = marks.first_wrong(got, in_);
        got += in_.size();
        if (wrong != in_.size() || got > r.answer_size) {
            world_.violate("request {}: a byte of the tunnel before {} is wrong", r.id, got);
            co_return;
        }
        in_.clear();
        more = co_await hear(&r);
    }
    // The other direction may have more to carry, or may have heard before this one that the connection was reset.
    for (bool waits = true; waits && !tunnel_sent_;) waits = (co_await sleep_for(1ms)).has_value();
    if (ended_ != "closed" || send_failed_) co_return;
    if (got != r.answer_size) {
        if (!world_.draining()) {
            world_.violate("request {}: its tunnel ended in order after {} bytes of {}", r.id, got, r.answer_size);
        }
        co_return;
    }
    record_of(r).complete = record_of(r).sent;
    ++answered_;
}

}  // namespace simulated
