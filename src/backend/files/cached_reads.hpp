// Reads of what is in the page cache, made at once; the worker pool does the rest.
#pragma once

#include "backend/file_notes.hpp"
#include "backend/files/file_path.hpp"

namespace penstock::detail {

/// The way of files that needs nothing of the kernel but plain calls. The worker pool would do all of it, but the way
/// to a thread and back costs several times what a copy from the page cache does; so a read is asked with RWF_NOWAIT on
/// the loop's thread first, which answers EAGAIN instead of sleeping (preadv2(2)). Not with O_DIRECT, where the call
/// would begin the read without waiting and then wait for its end.
class cached_reads final : public file_path {
  public:
    void describe(capability_table& table) const noexcept override;
    /// \return `completed`, or nothing: a thread must do it
    std::optional<submitted> submit(operation& op) noexcept override;
    void flush() noexcept override {}
    bool cancel(operation&, completions&) noexcept override { return false; }
    void collect(completions&) noexcept override {}
    bool anything_done() const noexcept override { return false; }
    std::uint32_t under_way() const noexcept override { return 0; }
    void closed(std::int32_t fd) noexcept override { notes_.forget(fd); }

  private:
    bool worth_asking(const read_at_op& op, std::uint64_t bytes);

    file_notes notes_;
};

}  // namespace penstock::detail
