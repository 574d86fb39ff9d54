// What a seed decides: who takes part in a history, what they ask, how they misbehave, and what fails around them.
#pragma once

#include "config/options.hpp"
#include <penstock/http/head.hpp>
#include <penstock/loop.hpp>
#include <penstock/simulation_options.hpp>
#include <penstock/time.hpp>

#include <cstdint>
#include <vector>

namespace simulated {

enum class body_form : std::uint8_t { none, length, chunked, until_close };

/// What a client does instead of waiting for its answer.
enum class departure : std::uint8_t {
    none,
    closes_in_request,
    resets_in_request,
    closes_in_answer,
    resets_in_answer,
    stalls_in_request,  ///< longer than any time limit
};

/// What an origin does.
enum class origin_act : std::uint8_t {
    answers,
    answers_and_says_close,
    // Those below surprise; up to here a request must be answered.
    answers_and_closes,  ///< unannounced: the next request may already be on its way
    answers_early,       ///< before it has read the body
    answers_too_much,    ///< bytes that nobody asked for behind the answer
    answers_nonsense,
    answers_too_late,
    closes_in_request,
    resets_in_request,
    closes_before_answer,
    resets_before_answer,
    closes_in_answer,
    resets_in_answer,
};

struct request_plan {
    std::uint32_t id = 0;  ///< unique in the history, and its index there
    penstock::http::method method = penstock::http::method::get;
    body_form form = body_form::none;
    std::uint64_t size = 0;
    bool expects_continue = false;
    bool pipelined = false;       ///< sent without waiting for the answer before
    bool old = false;             ///< HTTP/1.0: one request, and no chunks for the answer
    bool upgrades = false;        ///< then `size` and `answer_size` are what the tunnel carries
    std::size_t piece = 0;        ///< bytes per send
    penstock::duration pause{0};  ///< between two pieces
    penstock::duration wait{0};   ///< before the request
    penstock::duration read_pause{0};
    departure leaves = departure::none;
    std::uint64_t leaves_after = 0;  ///< bytes of the request, or of the answer's body

    std::uint16_t status = 200;
    body_form answer_form = body_form::length;
    std::uint64_t answer_size = 0;
    unsigned interim = 0;               ///< 103s before the answer
    penstock::duration thinks{0};       ///< the origin, before it answers
    penstock::duration takes_pause{0};  ///< the origin, between two pieces of the request
    std::size_t answer_piece = 0;
    penstock::duration answer_pause{0};
    origin_act act = origin_act::answers;
    std::uint64_t act_after = 0;  ///< bytes of the request's or the answer's body

    /// Whether all that is known of it says that it has to be answered by an origin.
    bool behaves() const noexcept { return leaves == departure::none && act <= origin_act::answers_and_says_close; }
};

/// What a client does with its connection after its last answer.
enum class last_act : std::uint8_t { closes, half_closes, waits_for_the_end };

struct client_plan {
    penstock::duration begins{0};
    std::vector<request_plan> requests;
    last_act end = last_act::closes;
};

struct history_plan {
    std::uint64_t seed = 0;
    std::size_t gate_loops = 1;
    std::size_t origins = 1;
    std::size_t dead_origins = 0;  ///< addresses that the gate is told of and nobody listens at
    std::vector<client_plan> clients;
    std::uint32_t requests = 0;
    tinygate::options gate;       ///< but for `to`, which the origins have yet to say
    penstock::loop_options loop;  ///< of the gate
    penstock::simulation_options machine;

    // What may go wrong, as far as requests can tell.
    bool harsh = false;          ///< faults that may fail a request
    bool surprises = false;      ///< peers that do not do what was agreed
    bool few_upstreams = false;  ///< bounds::upstream_connections is small
    /// Some origin closes connections that the gate believes to be idle, or says something on them.
    bool idle_connections_spoil = false;

    penstock::duration drain_at{0};             ///< zero: when all clients have ended
    penstock::duration second_signal_after{0};  ///< zero: none

    /// Whether nothing excuses a request that fails.
    bool strict() const noexcept { return !harsh && !surprises && !few_upstreams && drain_at == penstock::duration{0}; }
};

history_plan plan_of(std::uint64_t seed);

}  // namespace simulated
