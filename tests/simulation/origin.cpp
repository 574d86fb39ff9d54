// An origin's listener and what it hears; what it says is in origin_answers.cpp.
#include "simulation/origin.hpp"

#include "simulation/body.hpp"
#include <penstock/http/body.hpp>
#include <penstock/sleep.hpp>

#include <algorithm>
#include <limits>
#include <utility>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

}  // namespace

task<> origin::serve() {
    net::listener door;
    while (!door.open() && !stopped_) {
        auto opened = co_await net::listen(address_of_origin(index_));
        if (opened) door = std::move(*opened);
        if (!opened && !world_.plan.harsh) world_.violate("an origin could not listen: {}", opened.error().message());
        if (opened) break;
        const auto slept = co_await sleep_for(1ms);
        if (!slept) co_return;
    }
    ++world_.origins_listening;
    co_await with_scope([&](scope& connections) -> task<> {
        co_await with_scope([&](scope& accepting) -> task<> {
            accepting_ = &accepting;
            if (stopped_) accepting.cancel();
            accepting.spawn(accept_all(door, connections));
            co_await accepting.join();
            accepting_ = nullptr;
        });
        co_await connections.join();
    });
    co_await door.close();
}

task<> origin::accept_all(net::listener& door, scope& connections) {
    for (;;) {
        auto accepted = co_await door.accept();
        if (accepted) {
            connections.spawn(converse(std::move(*accepted)));
            continue;
        }
        if (accepted.error() != std::errc::operation_canceled) {
            world_.violate("an origin could not accept: {}", accepted.error().message());
        }
        co_return;
    }
}

task<> origin::converse(net::stream with_gate) {
    ++open_;
    hearing one(world_, index_, with_gate);
    co_await one.run();
    --open_;
}

// --- One connection --------------------------------------------------------------------------------------------------

task<> hearing::run() {
    for (bool goes_on = true; goes_on;) {
        goes_on = co_await hear_head();
        if (!goes_on) break;
        const request_plan* const r = recognise();
        if (r == nullptr) break;
        goes_on = co_await serve(*r);
        ++requests_;
    }
    if (resets_) {
        co_await reset(stream_);
        co_return;
    }
    if (said_close_) {  // what was asked meanwhile must not reset what was answered
        static_cast<void>(co_await stream_.shutdown_send());
        for (bool more = true; more; in_.clear()) more = co_await hear();
    }
    co_await stream_.close();
}

task<bool> hearing::hear() {
    auto piece = co_await stream_.receive();
    ended_in_order_ = piece && piece->empty();
    if (!piece || piece->empty()) co_return false;
    in_ += piece->text();
    co_return true;
}

task<bool> hearing::hear_head() {
    head_.reset();
    for (;;) {
        const auto state = head_.parse(in_);
        if (state == http::progress::complete) co_return true;
        if (state == http::progress::failed) {
            world_.violate("an origin was sent a request that is none: {}", head_.failure().what);
            co_return false;
        }
        const bool more = co_await hear();
        if (!more) co_return false;
    }
}

/// Which request it is, and whether it may be here.
const request_plan* hearing::recognise() {
    const http::request_head& head = head_.head();
    const std::string_view target = http::text(in_, head.target);
    const auto id = id_in_target(target);
    if (!id || *id >= world_.requests.size()) {
        world_.violate("an origin was asked for {}, which nobody had asked for", target);
        return nullptr;
    }
    const request_plan& r = *world_.requests[*id];
    request_record& record = world_.records[*id];
    if (!record.begun) world_.violate("request {} came to an origin before it was made", *id);
    if (id_in_fields(in_, head.fields) != id) world_.violate("request {} came with another one's fields", *id);
    if (head.method != r.method) world_.violate("request {} came with another method", *id);
    if (http::text(in_, head.host) != "gate.test") world_.violate("request {} came with another host", *id);
    if (has_field(in_, head.fields, "Expect")) world_.violate("request {} came with the client's Expect", *id);
    for (const attempt& before : record.attempts) {
        if (!may_come_again(r, before)) world_.violate("request {} came twice", *id);
    }
    if (record.attempts.size() > 1) world_.violate("request {} came {} times", *id, record.attempts.size() + 1);
    attempt_ = record.attempts.size();
    record.attempts.push_back({.connection = connection_, .before = requests_});
    framing_ = head.body;
    in_.erase(0, head_.size());
    return &r;
}

/// The gate may ask again where that does no harm, if the connection had been idle and failed; on a connection that
/// clients share, also if it was too slow.
bool hearing::may_come_again(const request_plan& r, const attempt& before) const {
    const bool could_share = world_.plan.gate.bounds.pipelines != 0 && r.form == body_form::none && !r.upgrades &&
                             (r.method == http::method::get || r.method == http::method::head);
    if (could_share && before.connection != connection_) return true;
    const bool failed = world_.plan.harsh || !before.answer_sent;
    const bool has_body = r.size != 0 && !r.upgrades;
    return http::is_idempotent(r.method) && !has_body && before.before != 0 && failed &&
           before.connection != connection_;
}

/// \return whether the connection goes on.
task<bool> hearing::serve(const request_plan& r) {
    if (r.upgrades) co_return co_await tunnel(r);
    const bool ends_inside = r.act == origin_act::closes_in_request || r.act == origin_act::resets_in_request;
    if (r.act == origin_act::answers_early) {
        const bool told = co_await answer(r);
        if (!told || r.act_after % 2 != 0) co_return false;
        co_return co_await take_body(r, everything);
    }
    const bool taken = co_await take_body(r, ends_inside ? r.act_after : everything);
    if (ends_inside) {
        resets_ = r.act == origin_act::resets_in_request;
        co_return false;
    }
    if (!taken) co_return false;
    co_return co_await answer(r);
}

/// \return whether all of it has come.
task<bool> hearing::take_body(const request_plan& r, std::uint64_t most) {
    using what = http::body_reader::what;
    http::body_reader body(framing_);
    const marked_bytes marks(r.id, direction::to_origin);
    for (std::uint64_t got = 0; got < most;) {
        const auto event = body.next(in_);
        if (event.kind == what::data) {
            const std::size_t wrong = marks.first_wrong(got, event.data);
            if (wrong != event.data.size()) {
                world_.violate("request {}: byte {} of its body is wrong", r.id, got + wrong);
                co_return false;
            }
            got += event.data.size();
            seen(r).body = got;
        }
        in_.erase(0, event.consumed);
        if (event.kind == what::failed) {
            world_.violate("request {}: the framing of its body is broken: {}", r.id, body.failure().what);
            co_return false;
        }
        if (event.kind == what::end || body.ended()) break;
        if (event.kind == what::data) continue;
        if (r.takes_pause > duration{0}) static_cast<void>(co_await sleep_for(r.takes_pause));
        const bool more = co_await hear();
        if (!more) co_return false;
    }
    if (!body.ended()) co_return false;
    seen(r).whole = true;
    if (seen(r).body != r.size) {
        world_.violate("request {}: {} bytes of {} were told to be all of its body", r.id, seen(r).body, r.size);
    }
    co_return true;
}

}  // namespace simulated
