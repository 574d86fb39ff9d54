// The blocking backend: every operation that can wait is a plain system call on a thread of its own.
#pragma once

#include "backend/backend.hpp"
#include "backend/threads/blocked_pool.hpp"
#include "backend/threads/shares.hpp"

#include <array>
#include <vector>

namespace penstock::detail {

/// The threads only wait and call. Whatever touches an operation's header, a buffer's bookkeeping or a
/// caller's queue happens on the loop's thread, here.
///
/// An operation under way is in one of three places: in a list (`parked_` or `waiting_files_`: no thread has
/// it, and it is linked), with a thread (scratch[0] names it), or just finished (neither).
class threads_backend final : public backend {
  public:
    explicit threads_backend(const backend_environment& environment);

    std::string_view name() const noexcept override { return "threads"; }
    const capability_table& capabilities() const noexcept override { return capabilities_; }
    submitted submit(operation& op) noexcept override;
    void flush() noexcept override {}  // operations are handed to their threads at once
    void wait(time_point now, time_point deadline, completions& out) noexcept override;
    void cancel(operation& op, completions& out) noexcept override;
    void wake() noexcept override { bell_.ring(doorbell::wake); }
    backend_statistics statistics() const noexcept override;
    std::vector<feature_report> features() const override;

    /// Starts the first thread, to find out whether there can be any. \return 0, or a negative error.
    std::int32_t try_thread() noexcept { return pool_.add_thread(); }

  private:
    std::uint32_t& under_way(const operation& op) noexcept { return under_way_[index_of(op)]; }
    std::uint32_t limit(const operation& op) const noexcept { return limits_[index_of(op)]; }
    static std::size_t index_of(const operation& op) noexcept { return static_cast<std::size_t>(share_of(op.kind)); }

    submitted submit_immediate(operation& op) noexcept;
    submitted submit_send(operation& op) noexcept;
    submitted submit_blocking(operation& op) noexcept;
    submitted submit_file(operation& op) noexcept;
    submitted refuse(operation& op) noexcept;

    /// Gives the operation to a thread, or parks it if it needs a buffer first. \return 0 or a negative
    /// error.
    std::int32_t start(operation& op) noexcept;
    std::int32_t start_read(operation& op) noexcept;
    void park(operation& op) noexcept;
    void give_back_buffer(operation& op) noexcept;

    void collect(completions& out) noexcept;
    void settle(const blocked_pool::outcome& outcome, completions& out) noexcept;
    void settle_receive(operation& op, bool cancelled, completions& out) noexcept;
    void finish(operation& op, std::int32_t result, completions& out) noexcept;
    void retry_parked(completions& out) noexcept;
    void start_waiting_files(completions& out) noexcept;

    buffer_pool& buffers_;
    const capability_table capabilities_;
    const share_limits limits_;
    share_limits under_way_{};                                 // of files: those on threads
    list<operation> waiting_files_;                            // for a thread of their share
    std::array<list<operation>, most_buffer_classes> parked_;  // receives and reads, by the class of the buffer
    std::uint64_t parked_count_ = 0;
    std::uint64_t sleeps_ = 0;
    doorbell bell_;
    blocked_pool pool_;  // last: its threads ring the bell
};

}  // namespace penstock::detail
