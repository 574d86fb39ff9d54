// The control blocks of a turn, on their way to the kernel in one system call.
#pragma once

#include "backend/native_aio/aio_ring.hpp"

#include <linux/aio_abi.h>

#include <cstdint>
#include <memory>

namespace penstock::detail {

/// The kernel copies a control block when it takes it, so those of reads and writes live here only until then: a
/// small piece of memory that stays in the cache. Polls bring their own, whose address names them to io_cancel.
class aio_batch {
  public:
    explicit aio_batch(std::uint32_t capacity);

    bool empty() const noexcept { return first_ == end_; }
    std::uint32_t size() const noexcept { return end_ - first_; }
    bool full() const noexcept { return size() >= capacity_; }
    /// Space for this many is kept beyond full(), for what the backend itself cannot do without.
    static constexpr std::uint32_t reserve = 4;

    /// A zeroed block of the batch's own, to be filled at once. Not when full, but for the reserve.
    ::iocb& append() noexcept;
    /// A block that lasts until its completion. Not when full, but for the reserve.
    void append(::iocb& lasting) noexcept;
    /// Takes a lasting block out again. \return false if the kernel has it already.
    bool remove(const ::iocb& lasting) noexcept;

    /// Offers everything, in order. \return 0, or the error that the kernel has with the first of what is left.
    std::int32_t submit(aio_ring& ring) noexcept;
    /// Removes the first; the block of a read or write stays intact until the next append().
    ::iocb& take_first() noexcept;

  private:
    bool is_own(const ::iocb* block) const noexcept {
        return block >= blocks_.get() && block < blocks_.get() + capacity_ + reserve;
    }
    void make_room() noexcept;
    void make_compact() noexcept;

    std::uint32_t capacity_;
    std::uint32_t first_ = 0;
    std::uint32_t end_ = 0;
    std::uint32_t used_blocks_ = 0;
    // Not initialised, so that only what is used becomes memory.
    std::unique_ptr<::iocb*[]> entries_;
    std::unique_ptr<::iocb[]> blocks_;
};

}  // namespace penstock::detail
