// The load on echo servers.
#pragma once

#include "process/child.hpp"
#include "process/roles.hpp"

#include <expected>
#include <string>

namespace iobench {

struct echo_job {
    std::string address = {};
    std::size_t connections = 32;
    std::size_t message_size = 64;
    std::size_t depth = 1;  ///< messages under way per connection
    double rate = 0;        ///< messages per second, timed from when each was due; 0: the next follows the last
    double seconds = 0.5;
    double warm_up = 0;  ///< seconds at most of the same load before run(); it ends when the rate is steady
};

/// What a load generator saw.
struct echo_result {
    double messages = 0;
    double seconds = 0;
    double p50_us = 0;
    double p90_us = 0;
    double p99_us = 0;
    double p999_us = 0;
    double p9999_us = 0;
    double unsent = 0;  ///< of a rate: so many the server had no time for
};

/// Connections that are open and warm, in a process of their own, waiting for run(). Every echo is compared with what
/// was sent.
class echo_load {
  public:
    static std::expected<echo_load, std::string> open(const echo_job&);
    std::expected<echo_result, std::string> run();

  private:
    echo_load(child process, double seconds) : process_(std::move(process)), seconds_(seconds) {}
    child process_;
    double seconds_;
};

/// Connections that have exchanged a message and stay as they are until the child ends.
std::expected<child, std::string> open_idle_connections(const std::string& address, std::size_t count);

/// `echo-load OPTION...`: those of bench/load/echo_load.cpp.
role echo_load_role();

}  // namespace iobench
