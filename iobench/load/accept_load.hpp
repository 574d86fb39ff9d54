// The load on servers that take connections: one after another, each for one message.
#pragma once

#include "process/child.hpp"
#include "process/roles.hpp"

#include <expected>
#include <string>

namespace iobench {

/// What a storm of connections gave.
struct accept_result {
    double connections = 0;  ///< that were answered
    double stranded = 0;     ///< that were not, for 100 ms
    double seconds = 0;
    double p50_us = 0;  ///< from connect to the answer
    double p99_us = 0;
};

class accept_load {
  public:
    static std::expected<accept_load, std::string> open(const std::string& address);
    /// So long, 64 connections at a time. Each answer is compared with what was sent.
    std::expected<accept_result, std::string> run(double seconds);

  private:
    explicit accept_load(child process) : process_(std::move(process)) {}
    child process_;
};

/// `accept-load ADDRESS`: for each line, a number of seconds, a line of JSON.
role accept_load_role();

}  // namespace iobench
