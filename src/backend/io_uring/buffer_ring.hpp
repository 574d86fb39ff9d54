// The provided-buffer ring: buffers of the loop's pool that the kernel may fill.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/buffer_pool.hpp>

#include <cstdint>

namespace penstock::detail {

/// Keeps the kernel stocked with free buffers of the pool. Three quarters of the pool at most, so that reads which do
/// not go through the ring find some too.
class buffer_ring {
  public:
    static constexpr std::uint16_t group = 0;

    explicit buffer_ring(buffer_pool& pool) noexcept : pool_(pool) {}
    ~buffer_ring();
    buffer_ring(const buffer_ring&) = delete;
    buffer_ring& operator=(const buffer_ring&) = delete;

    /// \return 0, or -errno if the kernel has no such rings.
    int set_up(::io_uring* ring) noexcept;
    bool there() const noexcept { return entries_ != nullptr; }

    /// Hands the kernel what is free. Once per turn: the kernel sees all of them with one store.
    void restock() noexcept;
    std::uint16_t stocked() const noexcept { return stocked_; }

    /// The kernel has filled (or returns) the buffer that a completion names.
    std::uint16_t taken(std::uint32_t cqe_flags) noexcept {
        --stocked_;
        return static_cast<std::uint16_t>(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
    }

    /// Takes back what the kernel still has; the ring must be gone by then.
    void take_back() noexcept;

  private:
    buffer_pool& pool_;
    ::io_uring* ring_ = nullptr;
    ::io_uring_buf_ring* entries_ = nullptr;
    std::uint16_t size_ = 0;    // a power of two
    std::uint16_t target_ = 0;  // buffers to keep there
    std::uint16_t stocked_ = 0;
};

}  // namespace penstock::detail
