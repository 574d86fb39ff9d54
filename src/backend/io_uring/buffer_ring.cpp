#include "backend/io_uring/buffer_ring.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>

namespace penstock::detail {

int buffer_ring::set_up(::io_uring* ring, bool in_parts) noexcept {
    const int count = pool_.count(class_);
    target_ = static_cast<std::uint16_t>(count == 1 ? 1 : count - std::max(count / 4, 1));
    size_ = std::bit_ceil(target_);
    const std::size_t bytes = size_ * sizeof(::io_uring_buf);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return -errno;
    ::madvise(memory, bytes, MADV_DONTFORK);
    ::io_uring_buf_reg request{};
    request.ring_addr = reinterpret_cast<std::uintptr_t>(memory);
    request.ring_entries = size_;
    request.bgid = group();
    if (in_parts) set_flags(request, ring_filled_in_parts);
    const int r = ::io_uring_register_buf_ring(ring, &request, 0);
    if (r != 0) {
        ::munmap(memory, bytes);
        return r;
    }
    ring_ = ring;
    in_parts_ = in_parts;
    entries_ = static_cast<::io_uring_buf_ring*>(memory);
    ::io_uring_buf_ring_init(entries_);
    return 0;
}

buffer_ring::~buffer_ring() {
    if (entries_ != nullptr) ::munmap(entries_, size_ * sizeof(::io_uring_buf));
}

void buffer_ring::give_up() noexcept {
    if (entries_ == nullptr) return;
    ::io_uring_unregister_buf_ring(ring_, group());
    ::munmap(entries_, size_ * sizeof(::io_uring_buf));
    entries_ = nullptr;
    in_parts_ = false;
}

void buffer_ring::restock() noexcept {
    const int mask = size_ - 1;
    int added = 0;
    while (stocked_ < target_ && pool_.available(class_) != 0) {
        const std::uint16_t buffer = pool_.take(class_);
        if (in_parts_) pool_.open(buffer);
        if (!places_.empty()) {
            places_[buffer - pool_.first_of(class_)] = static_cast<std::uint16_t>(entries_->tail + added);
        }
        ::io_uring_buf_ring_add(entries_, pool_.data(buffer), pool_.buffer_size(class_), buffer, mask, added);
        ++added;
        ++stocked_;
    }
    if (added != 0) ::io_uring_buf_ring_advance(entries_, added);
}

bool buffer_ring::take_part(const ::io_uring_cqe& cqe, received_queue& queue, lease_credit& credit) noexcept {
    const auto buffer = static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
    const bool goes_on = (cqe.flags & IORING_CQE_F_BUF_MORE) != 0;
    const bool kept = cqe.res <= 0 || pool_.enqueue_part(queue, credit, buffer, static_cast<std::uint32_t>(cqe.res));
    if (goes_on) {
        shared_ += cqe.res > 0 ? 1 : 0;
    } else {
        --stocked_;
        pool_.close(buffer);
    }
    return kept;
}

void buffer_ring::take_back() noexcept {
    if (entries_ == nullptr) return;
    // The last `stocked_` entries before the tail are the ones that the kernel has not used.
    const std::uint16_t mask = size_ - 1;
    for (std::uint16_t i = 1; i <= stocked_; ++i) {
        const std::uint16_t buffer = entries_->bufs[static_cast<std::uint16_t>(entries_->tail - i) & mask].bid;
        if (in_parts_) {
            pool_.close(buffer);
        } else {
            pool_.put(buffer);
        }
    }
    stocked_ = 0;
}

// --- Of all classes ----------------------------------------------------------------------------------------

static_assert(most_buffer_classes == 4, "name each ring here");
buffer_rings::buffer_rings(buffer_pool& pool) noexcept
    : pool_(pool), rings_{buffer_ring(pool, 0), buffer_ring(pool, 1), buffer_ring(pool, 2), buffer_ring(pool, 3)} {}

int buffer_rings::set_up(::io_uring* ring, bool in_parts) noexcept {
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        if (!pool_.has_class(c)) continue;
        if (const int r = rings_[c].set_up(ring, in_parts); r != 0) {
            for (buffer_ring& each : rings_) each.give_up();
            return r;
        }
        last_ = c;
    }
    return 0;
}

void buffer_rings::remember_places() {
    for (buffer_ring& each : rings_) each.remember_places();
}

std::uint64_t buffer_rings::shared() const noexcept {
    std::uint64_t all = 0;
    for (const buffer_ring& each : rings_) all += each.shared();
    return all;
}

void buffer_rings::take_back() noexcept {
    for (buffer_ring& each : rings_) each.take_back();
}

}  // namespace penstock::detail
