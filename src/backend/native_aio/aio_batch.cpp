#include "backend/native_aio/aio_batch.hpp"

#include "base/check.hpp"

#include <algorithm>

namespace penstock::detail {

aio_batch::aio_batch(std::uint32_t capacity)
    : capacity_(capacity),
      entries_(std::make_unique_for_overwrite<::iocb*[]>(capacity + reserve)),
      blocks_(std::make_unique_for_overwrite<::iocb[]>(capacity + reserve)) {}

::iocb& aio_batch::append() noexcept {
    make_room();
    ::iocb& block = blocks_[used_blocks_++];
    block = {};
    entries_[end_++] = &block;
    return block;
}

void aio_batch::append(::iocb& lasting) noexcept {
    make_room();
    entries_[end_++] = &lasting;
}

// There are never more blocks in use than entries, so space for an entry is space for a block too.
void aio_batch::make_room() noexcept {
    if (end_ != capacity_ + reserve) return;
    make_compact();
    PENSTOCK_CHECK(end_ != capacity_ + reserve, "a batch of control blocks overflowed");
}

bool aio_batch::remove(const ::iocb& lasting) noexcept {
    ::iocb** const end = entries_.get() + end_;
    ::iocb** const found = std::find(entries_.get() + first_, end, &lasting);
    if (found == end) return false;
    std::move(found + 1, end, found);
    --end_;
    return true;
}

std::int32_t aio_batch::submit(aio_ring& ring) noexcept {
    while (!empty()) {
        const std::int32_t taken = ring.submit(entries_.get() + first_, size());
        if (taken < 0) return taken;
        first_ += static_cast<std::uint32_t>(taken);
    }
    first_ = end_ = used_blocks_ = 0;
    return 0;
}

::iocb& aio_batch::take_first() noexcept { return *entries_[first_++]; }

// Moves what the kernel has not taken to the front. Blocks of our own were appended in the order of their entries, so
// each moves towards the front and none is overwritten before it has moved.
void aio_batch::make_compact() noexcept {
    std::uint32_t blocks = 0;
    for (std::uint32_t i = first_; i != end_; ++i) {
        ::iocb* entry = entries_[i];
        if (is_own(entry)) {
            ::iocb* const place = &blocks_[blocks++];
            if (place != entry) *place = *entry;
            entry = place;
        }
        entries_[i - first_] = entry;
    }
    end_ -= first_;
    first_ = 0;
    used_blocks_ = blocks;
}

}  // namespace penstock::detail
