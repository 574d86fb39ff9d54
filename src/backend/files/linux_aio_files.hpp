// Files by native AIO, for mechanisms that wait for something else.
#pragma once

#include "backend/files/file_path.hpp"
#include "backend/files/wake_relay.hpp"
#include "backend/native_aio/aio_batch.hpp"
#include "backend/native_aio/aio_ring.hpp"
#include "backend/native_aio/file_blocks.hpp"

#include <memory>

namespace penstock::detail {

/// An instance of its own. The operations of a turn are one io_submit; each completion adds to an eventfd
/// (IOCB_FLAG_RESFD), which ends the owner's wait, and is then found in the ring without a system call.
class linux_aio_files final : public file_path {
  public:
    static std::expected<std::unique_ptr<file_path>, setup_error> create(const file_path_environment& environment);
    linux_aio_files(const file_path_environment& environment, aio_ring ring, std::unique_ptr<wake_relay> relay);
    linux_aio_files(const linux_aio_files&) = delete;
    linux_aio_files& operator=(const linux_aio_files&) = delete;

    void describe(capability_table& table) const noexcept override;
    std::optional<submitted> submit(operation& op) noexcept override;
    void flush() noexcept override;
    bool cancel(operation& op, completions& out) noexcept override;
    void collect(completions& out) noexcept override;
    bool anything_done() const noexcept override { return !refused_.empty() || ring_.anything_to_reap(); }
    std::uint32_t under_way() const noexcept override { return under_way_; }
    void closed(std::int32_t fd) noexcept override { blocks_.closed(fd); }

  private:
    void refuse(::iocb& block, std::int32_t error) noexcept;
    void ended(operation& op, std::int32_t result, completions& out) noexcept;

    offload& pool_;
    std::uint32_t most_;
    std::uint32_t under_way_ = 0;
    std::uint32_t with_kernel_ = 0;
    list<operation> refused_;  // by io_submit, with the reason as their result; delivered by collect()
    file_blocks blocks_;
    std::unique_ptr<wake_relay> relay_;  // null if the owner's own eventfd is used
    int announce_;
    aio_batch batch_;
    aio_ring ring_;  // last, so that it goes first: until then the kernel may write to what is above
};

}  // namespace penstock::detail
