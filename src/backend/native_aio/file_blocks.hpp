// Operations on files as control blocks of native AIO, for all who submit some.
#pragma once

#include "backend/file_notes.hpp"
#include <penstock/capabilities.hpp>
#include <penstock/operation.hpp>

#include <linux/aio_abi.h>

#include <cstdint>
#include <optional>

namespace penstock::detail {

/// Says which operations native AIO can do without making the loop sleep in io_submit, and what their results mean.
///
/// - With O_DIRECT a read or write is handed to the device and ends later; only writes that make the file grow, and
///   locks, would be waited for.
/// - On a buffered file io_submit itself would do all of it, and sleep.
/// - So it is asked with RWF_NOWAIT, which does what needs no wait and else answers EAGAIN: a thread must do it then. A
///   file system that has no such answer (EOPNOTSUPP) is not asked again for that descriptor: buffered transfers go to
///   a thread at once, and with O_DIRECT the rare wait is taken.
/// - fsync and fdatasync are begun there, and carried out on a thread of the kernel.
/// - What is no file goes to a thread from the start, since native AIO does not check as the plain calls do (it would
///   read a pipe at any offset).
///
/// Uses the first word of an operation's scratch.
class file_blocks {
  public:
    /// Notes in the table what native AIO does with files; what is denied stays so.
    static void describe(capability_table& table) noexcept;
    /// Whether the kernel should be asked; if not, a thread must do it.
    bool takes(const operation& op);
    /// Fills a zeroed block, but for aio_data and how its end is announced.
    void describe(::iocb& block, operation& op);
    /// What a completion, or an error of io_submit, means. \return the operation's result, or nothing if a thread must
    /// find it.
    std::optional<std::int32_t> outcome(const operation& op, std::int32_t result);
    void closed(std::int32_t fd) noexcept { notes_.forget(fd); }

  private:
    file_notes notes_;
};

}  // namespace penstock::detail
