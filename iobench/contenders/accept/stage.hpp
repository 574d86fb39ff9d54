// Servers of several workers that take connections from one address: each answers one message and waits for the end.
#pragma once

#include "model/workload.hpp"
#include "process/roles.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace iobench {

inline constexpr std::size_t accept_workers = 4;

/// How the workers come by connections.
enum class listening {
    shared,      ///< one listener, which all watch: the kernel wakes all of them
    exclusive,   ///< the same with EPOLLEXCLUSIVE
    reuse_port,  ///< a listener for each: the kernel hashes connections to them
};

/// What the workers tell, and what they are told.
class accept_stage {
  public:
    /// Called by a worker for each connection it takes. One that is to stall does not return for a while.
    void took(std::size_t worker);
    /// Whoever takes the next connection stalls for so long.
    void stall(std::chrono::milliseconds length) { stall_ms_ = length.count(); }
    /// "[12, 13, 12, 14]"
    std::string counts() const;

  private:
    struct alignas(64) counter {
        std::atomic<std::uint64_t> taken = 0;
    };
    std::array<counter, accept_workers> workers_;
    std::atomic<long> stall_ms_ = 0;
};

struct accept_server {
    contender who;
    listening how;
    /// One worker, on a thread of its own; does not return.
    std::function<void(accept_stage&, std::size_t worker, int listener)> work;
};

std::vector<accept_server> bare_accept_servers();
std::vector<accept_server> penstock_accept_servers();
std::vector<accept_server> accept_servers();

/// `accept-server NAME`: says `listening on ADDRESS`, then for each line `stall MS` and `counts` a line.
role accept_server_role();

}  // namespace iobench
