#include "simulation/judge.hpp"

#include <algorithm>
#include <chrono>

namespace simulated {

using namespace penstock;

namespace {

bool too_large(const world& w, const request_plan& r) {
    return r.form != body_form::none && r.size > w.plan.gate.bounds.body;
}

/// Whether the end of the gate explains that a request was not answered. It does not for those that were under way when
/// the drain began, and for those that came on an open connection in the time of grace.
bool drained(const world& w, const request_record& seen) {
    if (w.drain_began == never) return false;
    if (!seen.begun || seen.sent_at == never) return true;
    const auto& t = w.plan.gate.timeouts;
    const time_point cut = std::min(w.cut_began, w.drain_began + std::max(t.drain, t.idle_grace));
    if (seen.ended_at >= cut) return true;
    const bool in_grace = seen.connected_at < w.drain_began && seen.sent_at < w.drain_began + t.idle_grace - w.way();
    return seen.sent_at >= w.drain_began && !in_grace;
}

/// On a connection that clients share, the reset that one of them is answered with may overtake another's answer.
bool overtaken(const world& w, const request_plan& r) {
    return w.plan.gate.bounds.pipelines != 0 && w.plan.idle_connections_spoil && r.form == body_form::none;
}

/// Whether anything that the plan knows of may have kept the request from its answer.
bool excused(const world& w, const request_plan& r, const request_record& seen) {
    return w.plan.harsh || !r.behaves() || seen.shut_out || too_large(w, r) || overtaken(w, r) || drained(w, seen);
}

bool may_be_refused(const world& w, const request_plan& r, const request_record& seen) {
    if (excused(w, r, seen)) return true;
    if (seen.status == 503) return w.plan.few_upstreams;
    return seen.status == 502 && w.plan.idle_connections_spoil;
}

bool is_a_refusal(std::uint16_t status) {
    return status == 408 || status == 413 || status == 502 || status == 503 || status == 504;
}

void judge_refused(world& w, const request_plan& r, const request_record& seen) {
    if (!is_a_refusal(seen.status)) {
        w.violate("request {}: the gate has answered it with {}", r.id, seen.status);
    } else if (!may_be_refused(w, r, seen)) {
        w.violate("request {}: refused with {} for no reason", r.id, seen.status);
    } else if (seen.status == 413 && !too_large(w, r)) {
        w.violate("request {}: refused as too large", r.id);
    }
}

void judge_answered(world& w, const request_plan& r, const request_record& seen) {
    const auto has_answered = [](const attempt& a) { return a.answer_sent; };
    const bool by_close = r.answer_form == body_form::until_close;
    const bool early = r.act == origin_act::answers_early;
    // What is sent into a tunnel after its other direction has ended may be lost unseen, as with any connection.
    const bool unseen = r.upgrades && (w.plan.harsh || w.cut_began != never || w.plan.drain_at > duration{0});
    if (std::ranges::none_of(seen.attempts, has_answered) && !w.plan.harsh && r.behaves() && !by_close) {
        w.violate("request {}: answered, but by no origin", r.id);
    }
    const auto has_all = [&r](const attempt& a) { return a.whole && a.body == r.size; };
    if (!early && !unseen && std::ranges::none_of(seen.attempts, has_all)) {
        w.violate("request {}: answered by an origin that has not all of it", r.id);
    }
}

}  // namespace

tally judge_requests(world& w) {
    tally all;
    for (const request_plan* const r : w.requests) {
        const request_record& seen = w.records[r->id];
        if (seen.complete && !seen.by_gate) {
            ++all.answered;
            judge_answered(w, *r, seen);
        } else if (seen.complete) {
            ++all.refused;
            judge_refused(w, *r, seen);
        } else if (seen.begun) {
            ++all.failed;
            const bool explained = excused(w, *r, seen);
            if (!explained) {
                w.violate("request {}: its connection ended ({}) without an answer, for no reason", r->id, seen.ended);
            }
        } else {
            ++all.not_made;
            if (!w.plan.harsh && !drained(w, seen)) w.violate("request {}: could not be made", r->id);
        }
    }
    return all;
}

}  // namespace simulated
