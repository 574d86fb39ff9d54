#include "simulation/describe.hpp"

#include <array>
#include <chrono>

namespace simulated {

using namespace penstock;

namespace {

constexpr std::array methods{"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "other"};
constexpr std::array forms{"no body", "length", "chunked", "until close"};
constexpr std::array departures{
    "stays", "closes in request", "resets in request", "closes in answer", "resets in answer", "stalls in request"};
constexpr std::array acts{"answers",           "answers and says close", "answers and closes",   "answers early",
                          "answers too much",  "answers nonsense",       "answers too late",     "closes in request",
                          "resets in request", "closes before answer",   "resets before answer", "closes in answer",
                          "resets in answer"};
constexpr std::array ends{"closes", "half-closes", "waits for the end"};

template <class Names, class Value>
std::string name_in(const Names& names, Value value) {
    return names[static_cast<std::size_t>(value)];
}

std::string ms(time_point when, time_point begin) {
    return when == never ? "never" : std::to_string((when - begin) / std::chrono::milliseconds(1)) + " ms";
}

std::string describe_plan(const request_plan& r) {
    return filled("  {}: {} {} {}{}{}{}, client {}@{}; {} {} {} bytes, origin {}@{}\n",
                  {text_of(r.id), name_in(methods, r.method), name_in(forms, r.form), text_of(r.size),
                   r.pipelined ? " pipelined" : "", r.expects_continue ? " expects 100" : "",
                   r.upgrades ? " upgrades"
                   : r.old    ? " HTTP/1.0"
                              : "",
                   name_in(departures, r.leaves), text_of(r.leaves_after), text_of(r.status),
                   name_in(forms, r.answer_form), text_of(r.answer_size), name_in(acts, r.act), text_of(r.act_after)});
}

std::string describe_record(const request_record& r, time_point begin) {
    std::string text = filled(
        "      {}{}{}sent {}; {} {}{}{}\n",
        {r.begun ? "begun, " : "not begun, ", r.left ? "left, " : "", r.shut_out ? "shut out, " : "",
         ms(r.sent_at, begin), text_of(r.status), r.by_gate ? "by the gate, " : "",
         r.complete ? "complete" : "not complete: " + r.ended + " at ", r.complete ? "" : ms(r.ended_at, begin)});
    for (const attempt& a : r.attempts) {
        text += filled("      at an origin: connection {} after {} others, {} bytes{}{}\n",
                       {text_of(a.connection), text_of(a.before), text_of(a.body), a.whole ? ", whole" : "",
                        a.answer_sent ? ", answered" : ""});
    }
    return text;
}

}  // namespace

std::string describe(const world& w) {
    const history_plan& h = w.plan;
    const time_point begin = w.begin;
    std::string text = filled(
        "{} loops, {} origins and {} dead ones, {} shared connections{}{}{}{}; drain {}, cut {}\n",
        {text_of(h.gate_loops), text_of(h.origins), text_of(h.dead_origins), text_of(h.gate.bounds.pipelines),
         h.harsh ? ", harsh" : "", h.surprises ? ", surprises" : "", h.few_upstreams ? ", few upstreams" : "",
         h.idle_connections_spoil ? ", idle connections spoil" : "", ms(w.drain_began, begin), ms(w.cut_began, begin)});
    for (const client_plan& c : h.clients) {
        text += filled("client {}\n", {name_in(ends, c.end)});
        for (const request_plan& r : c.requests) text += describe_plan(r) + describe_record(w.records[r.id], begin);
    }
    return text;
}

}  // namespace simulated
