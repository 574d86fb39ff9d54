// Operations that only another thread or process can end, each on a thread of its own, for mechanisms that can't wait
// for them. Apart from the worker pool, where they would keep files waiting for ever.
#pragma once

#include "backend/offload.hpp"
#include "base/worker_pool.hpp"

#include <cstdint>

namespace penstock::detail {

/// Belongs to one backend. Threads are started when they are needed.
class sleepers {
  public:
    sleepers(const backend_environment& environment, backend& owner)
        : most_(environment.options.most_sleeping),
          threads_(most_, most_),
          calls_(threads_, environment.buffers, owner, most_) {}

    /// `completed`: refused, since all threads sleep.
    submitted submit(operation& op) noexcept;
    void cancel(operation& op, completions& out) noexcept;
    /// Delivers what has ended. The loop's thread, at each turn.
    void collect(completions& out) noexcept { calls_.collect(out); }
    bool anything_done() const noexcept { return calls_.anything_done(); }
    std::uint32_t under_way() const noexcept { return calls_.under_way(); }

  private:
    std::uint32_t most_;
    worker_pool threads_;
    offload calls_;  // after what runs them
};

}  // namespace penstock::detail
