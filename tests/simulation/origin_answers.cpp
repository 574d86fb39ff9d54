// What an origin says.
#include "simulation/body.hpp"
#include "simulation/origin.hpp"
#include <penstock/sleep.hpp>
#include <penstock/when.hpp>

#include <algorithm>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

constexpr duration too_late = 70s;  // more than every time limit of an answer
constexpr std::string_view nonsense = "I would rather not\r\n\r\n";

bool has_body(const request_plan& r) { return r.method != http::method::head && r.status != 204 && r.status != 304; }

}  // namespace

/// \return whether the connection goes on.
task<bool> hearing::answer(const request_plan& r) {
    if (r.thinks > duration{0}) static_cast<void>(co_await sleep_for(r.thinks));
    bool cut_short = false;
    switch (r.act) {
        case origin_act::answers_too_late: static_cast<void>(co_await sleep_for(too_late)); break;
        case origin_act::answers_nonsense: static_cast<void>(co_await stream_.send(nonsense)); co_return false;
        case origin_act::resets_before_answer: resets_ = true; co_return false;
        case origin_act::closes_before_answer: co_return false;
        case origin_act::resets_in_answer:
        case origin_act::closes_in_answer: cut_short = has_body(r); break;
        default: break;
    }
    const std::string interim = interim_head(r);
    for (unsigned i = 0; i < r.interim; ++i) {
        const auto sent = co_await stream_.send(interim);
        if (!sent) co_return false;
    }
    const bool told = co_await send_answer(r, cut_short ? r.act_after : r.answer_size);
    resets_ = r.act == origin_act::resets_in_answer;
    if (!told || cut_short) co_return false;
    seen(r).answer_sent = true;
    said_close_ = r.act == origin_act::answers_and_says_close;
    if (r.act == origin_act::answers_too_much) {
        static_cast<void>(co_await stream_.send(nonsense));
        co_return false;
    }
    co_return r.act == origin_act::answers || r.act == origin_act::answers_early;
}

/// \return whether the connection took it.
task<bool> hearing::send_answer(const request_plan& r, std::uint64_t most) {
    const marked_bytes marks(r.id, direction::to_client);
    const framed frame(r.answer_form, r.answer_size);
    std::string out = answer_head(r, origin_, r.act == origin_act::answers_and_says_close);
    const std::uint64_t size = has_body(r) ? std::min(most, r.answer_size) : 0;
    if (has_body(r) && r.answer_size == 0) frame.append_end(out);
    std::string piece;
    std::uint64_t offset = 0;
    do {
        piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(r.answer_piece, size - offset)));
        marks.write(offset, piece);
        if (!piece.empty()) frame.append(out, offset, piece);
        offset += piece.size();
        const auto sent = co_await stream_.send(out);
        if (!sent) co_return false;
        out.clear();
        if (r.answer_pause > duration{0} && offset < size) static_cast<void>(co_await sleep_for(r.answer_pause));
    } while (offset < size);
    co_return true;
}

// --- Tunnels ---------------------------------------------------------------------------------------------------------

task<bool> hearing::tunnel(const request_plan& r) {
    const std::string head = tunnel_head(r, origin_);
    const auto sent = co_await stream_.send(head);
    if (!sent) co_return false;
    co_await when_all(send_tunnel(r), take_tunnel(r));  // the second waits for the first
    co_return false;
}

task<> hearing::send_tunnel(const request_plan& r) {
    const marked_bytes marks(r.id, direction::to_client);
    std::string piece;
    for (std::uint64_t offset = 0; offset < r.answer_size; offset += piece.size()) {
        piece.resize(static_cast<std::size_t>(std::min<std::uint64_t>(r.answer_piece, r.answer_size - offset)));
        marks.write(offset, piece);
        const auto sent = co_await stream_.send(piece);
        send_failed_ = !sent;
        if (!sent) break;
        if (r.answer_pause > duration{0}) static_cast<void>(co_await sleep_for(r.answer_pause));
    }
    tunnel_sent_ = true;
    if (send_failed_) co_return;
    seen(r).answer_sent = true;
    static_cast<void>(co_await stream_.shutdown_send());
}

task<> hearing::take_tunnel(const request_plan& r) {
    const marked_bytes marks(r.id, direction::to_origin);
    std::uint64_t got = 0;
    for (bool more = true; more;) {
        const std::size_t wrong = marks.first_wrong(got, in_);
        got += in_.size();
        if (wrong != in_.size() || got > r.size) {
            world_.violate("request {}: a byte of the tunnel before {} is wrong", r.id, got);
            co_return;
        }
        seen(r).body = got;
        in_.clear();
        more = co_await hear();
    }
    seen(r).whole = got == r.size;
    for (bool waits = true; waits && !tunnel_sent_;) waits = (co_await sleep_for(1ms)).has_value();
    const request_record& seen_by_client = world_.records[r.id];
    const bool excused = send_failed_ || seen_by_client.left || seen_by_client.shut_out || world_.draining();
    if (ended_in_order_ && !seen(r).whole && !excused) {
        world_.violate("request {}: its tunnel ended in order after {} bytes of {} to the origin", r.id, got, r.size);
    }
}

}  // namespace simulated
