// The provided-buffer ring: buffers of the loop's pool that the kernel may fill.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/buffer_pool.hpp>

#include <algorithm>
#include <cstdint>
#include <vector>

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

    /// `in_parts`: one receive after the other fills a buffer; for a pool that allows it.
    /// \return 0, or -errno if the kernel has no such rings.
    int set_up(::io_uring* ring, bool in_parts = false) noexcept;
    bool in_parts() const noexcept { return in_parts_; }
    /// Before the first restock(): remembers which buffer follows which, for bundles.
    void remember_places() { places_.resize(pool_.count()); }
    bool there() const noexcept { return entries_ != nullptr; }

    /// Hands the kernel what is free. Once per turn: the kernel sees all of them with one store.
    void restock() noexcept;
    std::uint16_t stocked() const noexcept { return stocked_; }
    ::io_uring_buf_ring* raw() noexcept { return entries_; }

    /// The kernel has filled (or returns) the buffer that a completion names.
    std::uint16_t taken(std::uint32_t cqe_flags) noexcept {
        --stocked_;
        return static_cast<std::uint16_t>(cqe_flags >> IORING_CQE_BUFFER_SHIFT);
    }

    /// The kernel has filled as many buffers, from the one that the completion names, as its bytes need; `each(buffer,
    /// bytes)` is called in their order. A completion that is an error returns one.
    template <class Each>
    void take_bundle(const ::io_uring_cqe& cqe, std::uint32_t buffer_size, Each each) noexcept {
        std::uint16_t place = places_[cqe.flags >> IORING_CQE_BUFFER_SHIFT];
        std::int32_t left = cqe.res;
        do {
            const std::uint16_t buffer = entries_->bufs[place & (size_ - 1)].bid;
            const std::int32_t bytes = std::min(left, static_cast<std::int32_t>(buffer_size));
            ++place;
            --stocked_;
            each(buffer, bytes);
            left -= bytes;
        } while (left > 0);
    }

    /// Of buffers that are filled in parts: what a completion has brought becomes `queue`'s. \return false if the pool
    /// has no room for another part; then it is lost.
    bool take_part(const ::io_uring_cqe& cqe, received_queue& queue, lease_credit& credit) noexcept;
    /// Receives after which the kernel went on filling the same buffer.
    std::uint64_t shared() const noexcept { return shared_; }

    /// Takes back what the kernel still has; the ring must be gone by then.
    void take_back() noexcept;

  private:
    buffer_pool& pool_;
    ::io_uring* ring_ = nullptr;
    ::io_uring_buf_ring* entries_ = nullptr;
    std::uint16_t size_ = 0;    // a power of two
    std::uint16_t target_ = 0;  // buffers to keep there
    std::uint16_t stocked_ = 0;
    bool in_parts_ = false;
    std::uint64_t shared_ = 0;
    std::vector<std::uint16_t> places_;  // of each buffer in the ring; empty without bundles
};

}  // namespace penstock::detail
