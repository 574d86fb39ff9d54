// Sockets under other loads than the plain echo: each an echo with one thing varied.
#pragma once

#include "model/workload.hpp"

#include <memory>

namespace iobench {

std::shared_ptr<workload> sizes_workload();         ///< the length of messages
std::shared_ptr<workload> streaming_workload();     ///< few connections that never pause
std::shared_ptr<workload> idle_workload();          ///< connections that say nothing
std::shared_ptr<workload> ring_sockets_workload();  ///< what io_uring's features gain
std::shared_ptr<workload> triggers_workload();      ///< epoll: level, edge, one-shot
std::shared_ptr<workload> rate_workload();          ///< latency at a fixed rate
std::shared_ptr<workload> threads_workload();       ///< a thread per connection
std::shared_ptr<workload> batch_workload();         ///< messages under way per connection
std::shared_ptr<workload> accept_workload();        ///< new connections, on several workers
std::shared_ptr<workload> relay_workload();         ///< a proxy between two sockets

}  // namespace iobench
