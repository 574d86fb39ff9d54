// Provided-buffer rings: buffers of the loop's pool that the kernel may fill, a ring for each size class.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/buffer_pool.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace penstock::detail {

/// Keeps the kernel stocked with free buffers of a class of the pool. Three quarters of them at most, so that reads
/// which do not go through the ring find some too; of a single one there is nothing to keep back.
class buffer_ring {
  public:
    explicit buffer_ring(buffer_pool& pool, unsigned of_class = 0) noexcept
        : pool_(pool), class_(static_cast<std::uint8_t>(of_class)) {}
    ~buffer_ring();
    buffer_ring(const buffer_ring&) = delete;
    buffer_ring& operator=(const buffer_ring&) = delete;

    /// `in_parts`: one receive after the other fills a buffer; for a pool that allows it.
    /// \return 0, or -errno if the kernel has no such rings.
    int set_up(::io_uring* ring, bool in_parts = false) noexcept;
    /// Undoes that, before the first restock().
    void give_up() noexcept;
    /// The number by which entries name it.
    std::uint16_t group() const noexcept { return class_; }
    bool in_parts() const noexcept { return in_parts_; }
    /// Before the first restock(): remembers which buffer follows which, for bundles.
    void remember_places() { places_.resize(pool_.count(class_)); }
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
    void take_bundle(const ::io_uring_cqe& cqe, Each each) noexcept {
        const auto whole = static_cast<std::int32_t>(pool_.buffer_size(class_));
        std::uint16_t place = places_[(cqe.flags >> IORING_CQE_BUFFER_SHIFT) - pool_.first_of(class_)];
        std::int32_t left = cqe.res;
        do {
            const std::uint16_t buffer = entries_->bufs[place & (size_ - 1)].bid;
            const std::int32_t bytes = std::min(left, whole);
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
    std::uint8_t class_;
    ::io_uring* ring_ = nullptr;
    ::io_uring_buf_ring* entries_ = nullptr;
    std::uint16_t size_ = 0;    // a power of two
    std::uint16_t target_ = 0;  // buffers to keep there
    std::uint16_t stocked_ = 0;
    bool in_parts_ = false;
    std::uint64_t shared_ = 0;
    std::vector<std::uint16_t> places_;  // of each buffer of the class; empty without bundles
};

/// The rings of all classes that the pool has; those of others do not exist.
class buffer_rings {
  public:
    explicit buffer_rings(buffer_pool& pool) noexcept;

    /// All or none. \return as buffer_ring::set_up().
    int set_up(::io_uring* ring, bool in_parts) noexcept;
    bool there() const noexcept { return rings_[0].there(); }
    bool in_parts() const noexcept { return rings_[0].in_parts(); }
    void remember_places();
    void restock() noexcept {
        for (unsigned c = 0; c <= last_; ++c) rings_[c].restock();
    }
    /// How many there are.
    unsigned rings() const noexcept {
        return static_cast<unsigned>(std::ranges::count_if(rings_, [](const buffer_ring& r) { return r.there(); }));
    }
    std::uint32_t stocked(unsigned of_class) const noexcept { return rings_[of_class].stocked(); }
    buffer_ring& of_class(unsigned c) noexcept { return rings_[c]; }
    /// The ring of the buffer that a completion names. It may be another one than the receive would be started with
    /// now.
    buffer_ring& of(const ::io_uring_cqe& cqe) noexcept {
        return rings_[pool_.class_of(static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT))];
    }
    std::uint64_t shared() const noexcept;
    void take_back() noexcept;

  private:
    buffer_pool& pool_;
    std::array<buffer_ring, most_buffer_classes> rings_;
    unsigned last_ = 0;
};

}  // namespace penstock::detail
