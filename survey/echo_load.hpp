// The load on an echo server: every connection sends a message, waits for it to come back, and sends the next.
#pragma once

#include <penstock/penstock.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace survey {

inline constexpr int connections = 64;

/// One backend's figures.
struct measured {
    std::string backend;
    std::string failure;  ///< one line if there are no figures
    double cpu_us = 0;    ///< of the server, all threads, per message
    double enters = 0;    ///< of the server, per message
    double per_second = 0;
    double p99_us = 0;
};

/// Told now and then how far the measurement is: 0 to 1.
using progress = std::function<void(double share, std::uint64_t messages)>;

/// Starts a server on `backend`, puts it under load and measures for `length`.
penstock::task<measured> measure_echo(std::string backend, penstock::duration length, int server_processor,
                                      progress tell);

}  // namespace survey
