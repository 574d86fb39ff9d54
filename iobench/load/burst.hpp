// Bursts: everybody says something while the server is stopped, then it goes on.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace iobench {

struct burst_result {
    std::size_t answered = 0;  ///< messages that came back whole and unchanged
    double seconds = 0;        ///< from when the server went on until the last of them
};

/// Connections to an echo server, made by this process itself: it does nothing while the server works.
class burst_load {
  public:
    /// Errors name the call.
    static std::expected<burst_load, std::string> open(const std::string& address, std::size_t connections);
    burst_load(burst_load&& other) noexcept : sockets_(std::exchange(other.sockets_, {})) {}
    burst_load& operator=(burst_load&&) = delete;
    ~burst_load();

    /// Stops the server by SIGSTOP, sends a message on each connection, lets it go on, and waits for the answers, five
    /// seconds at the most.
    std::expected<burst_result, std::string> send_all_while_stopped(pid_t server);

  private:
    burst_load() = default;
    std::size_t collect(unsigned round);

    std::vector<int> sockets_;
    unsigned round_ = 0;
};

}  // namespace iobench
