// Files by POSIX AIO: aio_read, aio_write, aio_fsync and aio_cancel of the C library.
#pragma once

#include "backend/file_notes.hpp"
#include "backend/files/file_path.hpp"
#include "backend/files/posix_watcher.hpp"

#include <memory>

namespace penstock::detail {

/// In glibc this is a pool of threads that make plain calls, one request at a time for each descriptor. It is here
/// because programs that must be portable have it, and to be measured.
///
/// Reads and writes of one slice, and syncs. What has several slices goes to the worker pool: as the pieces of one
/// lio_listio, what follows a short one would be written all the same. Nor does lio_listio begin a turn's operations
/// together: it takes as many locks as single calls, and allocates.
class posix_aio_files final : public file_path {
  public:
    static std::expected<std::unique_ptr<file_path>, setup_error> create(const file_path_environment& environment);
    posix_aio_files(const file_path_environment& environment, std::shared_ptr<posix_watcher> watcher);
    posix_aio_files(const posix_aio_files&) = delete;
    posix_aio_files& operator=(const posix_aio_files&) = delete;

    void describe(capability_table& table) const noexcept override;
    std::optional<submitted> submit(operation& op) noexcept override;
    void flush() noexcept override;
    bool cancel(operation& op, completions& out) noexcept override;
    void collect(completions& out) noexcept override;
    bool anything_done() const noexcept override { return !ended_.empty(); }
    std::uint32_t under_way() const noexcept override { return under_way_; }
    void closed(std::int32_t fd) noexcept override { notes_.forget(fd); }

  private:
    bool takes(const operation& op);
    posix_request& take_request(operation& op) noexcept;
    void release(posix_request& request) noexcept;
    bool begin(posix_request& request) noexcept;

    file_notes notes_;
    std::unique_ptr<posix_request[]> requests_;
    posix_request* free_ = nullptr;
    std::uint32_t under_way_ = 0;
    bool must_ring_ = false;
    posix_inbox ended_;
    std::shared_ptr<posix_watcher> watcher_;
};

}  // namespace penstock::detail
