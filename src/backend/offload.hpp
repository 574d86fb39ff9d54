// Operations carried out by blocking calls on the loop's worker pool, for mechanisms that can't do them.
#pragma once

#include "backend/backend.hpp"
#include "base/mailbox.hpp"
#include "base/worker_pool.hpp"
#include <penstock/detail/intrusive_list.hpp>

#include <atomic>
#include <memory>

namespace penstock::detail {

/// Runs the plain call of file operations on workers and brings the results back. Belongs to one backend.
/// Cancelling withdraws what no worker has begun; the rest ends at completion.
class offload {
  public:
    offload(worker_pool& workers, buffer_pool& buffers, backend& owner, std::uint32_t most);
    ~offload();
    offload(const offload&) = delete;
    offload& operator=(const offload&) = delete;

    /// Takes an operation; `busy` when the pool's queue or `most` is reached.
    submitted submit(operation& op) noexcept;
    /// Takes one that was answered `queued` already and then found no other way: never `busy`, it waits for its turn.
    void take_over(operation& op) noexcept;
    /// Whether this operation is here (and not with a file path of the mechanism's own).
    bool owns(const operation& op) const noexcept { return op.scratch[1] == reinterpret_cast<std::uintptr_t>(this); }
    /// \return whether the operation was withdrawn and finished.
    bool cancel(operation& op, completions& out) noexcept;
    /// Delivers what workers have finished. The loop's thread, at each turn.
    void collect(completions& out) noexcept;
    bool anything_done() const noexcept { return !done_.empty(); }
    std::uint32_t under_way() const noexcept { return under_way_; }

  private:
    struct ticket;
    static void run(job& work) noexcept;
    bool start(operation& op) noexcept;
    void start_waiting() noexcept;
    void release(ticket& t) noexcept;

    worker_pool& workers_;
    buffer_pool& buffers_;
    backend& owner_;
    std::unique_ptr<ticket[]> tickets_;
    ticket* free_ = nullptr;
    list<operation> waiting_;  // taken over, without a ticket yet
    mailbox<ticket> done_;
    std::uint32_t under_way_ = 0;
    std::atomic<std::uint32_t> notifying_{0};  // workers between their push and the end of their wake-up
};

}  // namespace penstock::detail
