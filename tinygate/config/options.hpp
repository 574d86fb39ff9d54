// What an operator asks for, as data.
#pragma once

#include <penstock/endpoint.hpp>
#include <penstock/http/field.hpp>
#include <penstock/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tinygate {

/// How long each phase of a connection may take. Counted in steps of a quarter of a second.
struct timeouts {
    penstock::duration head = std::chrono::seconds(10);       ///< a request head, from its first byte to its last
    penstock::duration connect = std::chrono::seconds(5);     ///< a connection to an upstream
    penstock::duration response = std::chrono::seconds(60);   ///< an upstream's answer, from the request's last byte on
    penstock::duration body = std::chrono::seconds(60);       ///< between two pieces of a body, whoever sends it
    penstock::duration send = std::chrono::seconds(60);       ///< one send to a peer that does not read
    penstock::duration idle = std::chrono::seconds(60);       ///< a connection between requests, on either side
    penstock::duration tunnel = std::chrono::hours(1);        ///< a tunnel in which nothing moves
    penstock::duration drain = std::chrono::seconds(30);      ///< requests under way when the end has begun
    penstock::duration idle_grace = std::chrono::seconds(1);  ///< idle connections when the end has begun
    penstock::duration linger = std::chrono::seconds(5);      ///< a client that goes on sending after its answer
};

/// What may be held at once; per worker where not said otherwise.
struct bounds {
    std::size_t connections = 10'000;              ///< of clients, idle ones included; at the limit accepting pauses
    std::size_t upstream_connections = 4'096;      ///< to each upstream, idle ones included; 503 beyond it
    std::size_t upstream_idle = 1'024;             ///< of those, idle
    std::size_t pipelines = 0;                     ///< connections to each upstream that many clients share; 0: none
    std::size_t pipeline_depth = 64;               ///< requests under way on each of those
    std::uint64_t body = std::uint64_t{16} << 30;  ///< bytes of a request's body; 413 beyond it
    penstock::http::head_limits head = {};
    std::size_t access_log = std::size_t{1} << 20;  ///< bytes of lines not yet written; lines beyond it are dropped
};

struct options {
    std::vector<penstock::endpoint> listen;
    std::vector<penstock::endpoint> to;
    std::string backend = "auto";
    unsigned workers = 0;    ///< loops; 0: one for each processor
    std::string access_log;  ///< a path; empty: none
    /// Microseconds that a worker with much to do waits for more, so that it does it all at once; 0: none.
    unsigned batch_time = 50;
    tinygate::timeouts timeouts = {};
    tinygate::bounds bounds = {};
};

}  // namespace tinygate
