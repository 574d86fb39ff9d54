#include "simulation/plan.hpp"

#include "simulation/random.hpp"

#include <algorithm>
#include <chrono>

namespace simulated {

using namespace penstock;
using namespace std::chrono_literals;

namespace {

duration some_time(dice& d, duration least, duration most) {
    return duration(static_cast<duration::rep>(
        d.between(static_cast<std::uint64_t>(least.count()), static_cast<std::uint64_t>(most.count()))));
}

std::uint64_t some_size(dice& d) {
    switch (d.pick({30, 35, 25, 7, 3})) {
        case 0: return 0;
        case 1: return d.between(1, 1000);
        case 2: return d.between(1000, 20'000);
        case 3: return d.between(20'000, 90'000);
        default: return d.between(64 * 1024, 400'000);
    }
}

/// Most bytes go in large pieces; small ones are for small bodies, or a history would take a second.
std::size_t some_piece(dice& d, std::uint64_t size) {
    const std::uint64_t least = std::max<std::uint64_t>(1, size / 40);
    return d.between(least, std::max<std::uint64_t>(least, d.chance(50) ? 1500 : 64 * 1024));
}

duration some_pause(dice& d) { return d.chance(70) ? duration{0} : some_time(d, 1us, 20ms); }

void choose_request(dice& d, request_plan& r) {
    using http::method;
    constexpr method methods[] = {method::get, method::head, method::post, method::put, method::delete_};
    r.method = methods[d.pick({50, 8, 24, 14, 4})];
    const bool has_body = r.method == method::post || r.method == method::put;
    if (has_body) {
        r.form = d.chance(60) ? body_form::length : body_form::chunked;
        r.size = some_size(d);
        r.expects_continue = r.size != 0 && d.chance(15);
    }
    r.pipelined = d.chance(35);
    r.old = d.chance(6);
    if (r.old && r.form == body_form::chunked) r.form = body_form::length;
    if (r.old) r.expects_continue = false;
    r.piece = some_piece(d, r.size);
    r.pause = some_pause(d);
    if (!r.pipelined && d.chance(30)) r.wait = some_time(d, 1us, 300ms);
    r.read_pause = some_pause(d);
}

void choose_answer(dice& d, request_plan& r) {
    constexpr std::uint16_t statuses[] = {200, 404, 500, 204, 304};
    r.status = statuses[d.pick({85, 5, 4, 3, 3})];
    r.answer_size = some_size(d);
    r.answer_form = d.chance(60) ? body_form::length : body_form::chunked;
    if (d.chance(6)) r.answer_form = body_form::until_close;
    const bool bodiless = r.status == 204 || r.status == 304;
    if (bodiless) {
        r.answer_size = 0;
        r.answer_form = body_form::length;
    }
    if (d.chance(8)) r.interim = static_cast<unsigned>(d.between(1, 3));
    if (d.chance(40)) r.thinks = some_time(d, 1us, 300ms);
    if (d.chance(20)) r.takes_pause = some_pause(d);
    r.answer_piece = some_piece(d, r.answer_size);
    r.answer_pause = some_pause(d);
    if (d.chance(8) || r.answer_form == body_form::until_close) r.act = origin_act::answers_and_says_close;
}

void choose_tunnel(dice& d, request_plan& r) {
    r.upgrades = true;
    r.old = false;
    r.method = http::method::get;
    r.form = body_form::none;
    r.size = some_size(d);
    r.status = 101;
    r.interim = 0;
    r.expects_continue = false;
    r.act = origin_act::answers;
    r.answer_form = body_form::none;
    r.answer_piece = some_piece(d, r.answer_size);
    r.piece = some_piece(d, r.size);
}

void choose_surprise(dice& d, request_plan& r) {
    if (d.chance(35)) {
        r.leaves = static_cast<departure>(d.pick({0, 24, 24, 24, 24, 4}));
        r.leaves_after = d.below(std::max(r.size, r.answer_size) + 100);
        // Whoever has heard half of a HEAD can't know that its answer has no body.
        const bool stalls = r.leaves == departure::stalls_in_request;
        if (stalls && r.method == http::method::head) r.method = http::method::get;
        return;
    }
    r.act = static_cast<origin_act>(d.pick({0, 0, 22, 14, 8, 4, 3, 8, 8, 10, 10, 10, 10}));
    r.act_after = d.below(std::max(r.size, r.answer_size) + 1);
    // Where the end of the connection is the end of the body, one that comes early can't be told.
    if (r.answer_form == body_form::until_close) r.answer_form = body_form::chunked;
}

client_plan choose_client(dice& d, history_plan& h) {
    client_plan c;
    c.begins = d.chance(50) ? duration{0} : some_time(d, 0us, 2s);
    const std::uint64_t requests = d.between(1, 7);
    for (std::uint64_t i = 0; i < requests; ++i) {
        request_plan r;
        r.id = h.requests++;
        choose_request(d, r);
        choose_answer(d, r);
        if (d.chance(4)) choose_tunnel(d, r);
        if (h.surprises && d.chance(15)) choose_surprise(d, r);
        h.idle_connections_spoil |= r.act > origin_act::answers_and_says_close;
        c.requests.push_back(r);
    }
    c.end = static_cast<last_act>(d.pick({60, 25, 15}));
    return c;
}

/// Longer than every pause of those who behave.
void choose_limits(dice& d, tinygate::timeouts& t) {
    t = {.head = some_time(d, 2s, 10s),
         .connect = some_time(d, 2s, 5s),
         .response = some_time(d, 3s, 60s),
         .body = some_time(d, 3s, 60s),
         .send = some_time(d, 5s, 60s),
         .idle = some_time(d, 2s, 60s),
         .tunnel = some_time(d, 10s, 1h),
         .drain = some_time(d, 1s, 30s),
         .idle_grace = some_time(d, 250ms, 1s),
         .linger = some_time(d, 1s, 5s)};
}

void choose_bounds(dice& d, history_plan& h) {
    tinygate::bounds& b = h.gate.bounds;
    if (d.chance(15)) b.connections = d.between(1, 6);
    if (d.chance(10)) {
        b.upstream_connections = d.between(1, 3);
        h.few_upstreams = true;
    }
    if (d.chance(25)) b.upstream_idle = d.below(4);
    if (d.chance(25)) {
        b.pipelines = d.between(1, 2);
        b.pipeline_depth = d.between(1, 8);
    }
    if (d.chance(15)) b.body = d.between(1000, 100'000);
    if (d.chance(20)) b.access_log = d.between(1000, 10'000);
}

void choose_loop(dice& d, history_plan& h) {
    loop_options& l = h.loop;
    l.buffers.buffer_size = std::uint32_t{512} << d.below(6);
    l.buffers.count = static_cast<std::uint32_t>(d.chance(20) ? 16 * h.clients.size() + 16 : 512);
    if (d.chance(20)) l.turn_budget = static_cast<std::uint32_t>(d.between(1, 8));
    if (d.chance(20)) l.immediate_budget = static_cast<std::uint32_t>(d.below(4));
    if (d.chance(20)) l.transfer_pipes = d.below(3);
    if (d.chance(20)) l.post_capacity = 2;
}

/// Chances are per 1,000 opportunities, of which a request has some thirty.
void choose_faults(dice& d, history_plan& h) {
    simulation_faults& f = h.machine.faults;
    const auto rate = [&d](unsigned most) { return d.chance(50) ? 0U : static_cast<unsigned>(d.between(1, most)); };
    if (d.chance(65)) {
        f.short_transfer = rate(300);
        f.interrupted = rate(100);
        f.again = rate(100);
        f.delay = rate(30);
        f.reorder = rate(500);
    }
    if (d.chance(30)) {
        f.reset = rate(10);
        f.no_space = rate(300);
        f.io_error = rate(300);
        f.too_many_files = rate(30);
    }
    h.harsh = f.reset != 0 || f.too_many_files != 0 || f.no_space != 0 || f.io_error != 0;
}

void choose_machine(dice& d, history_plan& h) {
    h.machine.seed = d.roll();
    if (d.chance(70)) {
        h.machine.most_delay = some_time(d, 10us, 5ms);
        h.machine.least_delay = some_time(d, 0us, h.machine.most_delay);
    }
    h.machine.socket_buffer = std::uint32_t{2048} << d.below(8);
}

}  // namespace

history_plan plan_of(std::uint64_t seed) {
    dice d(seed);
    history_plan h;
    h.seed = seed;
    h.gate_loops = d.between(1, 3);
    h.origins = d.between(1, 3);
    if (d.chance(15)) h.dead_origins = 1;
    h.surprises = d.chance(45);
    choose_machine(d, h);
    choose_faults(d, h);
    const std::uint64_t clients = d.between(1, 12);
    for (std::uint64_t i = 0; i < clients; ++i) h.clients.push_back(choose_client(d, h));
    choose_limits(d, h.gate.timeouts);
    choose_bounds(d, h);
    choose_loop(d, h);
    if (d.chance(75)) h.gate.access_log = "/var/log/tinygate.log";
    h.gate.listen.push_back(endpoint::loopback(0));
    if (d.chance(35)) {
        h.drain_at = some_time(d, 1ms, 3s);
        if (d.chance(30)) h.second_signal_after = some_time(d, 1ms, 3s);
    }
    return h;
}

}  // namespace simulated
