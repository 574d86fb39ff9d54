// What the gate has of the process that it runs in, besides penstock's operations: a simulation brings its own.
#pragma once

#include <penstock/time.hpp>

#include <chrono>
#include <functional>
#include <string_view>

namespace tinygate {

using wall_time = std::chrono::system_clock::time_point;

/// Each is called on the loops' threads, by several at the same time.
struct environment {
    /// What the wall clock said, or would have said, at a time of the loops' clock; for the access log.
    std::function<wall_time(penstock::time_point)> wall_time_at;
    /// A line for whoever has started the gate, without its end.
    std::function<void(std::string_view)> say;
    /// The same, of something that is wrong.
    std::function<void(std::string_view)> complain;
};

/// The machine's clocks, standard output and standard error.
environment this_process();

}  // namespace tinygate
