// A ring of bytes that grows with what is in it; once it has its size it asks for no memory any more.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <vector>

namespace penstock::detail {

class byte_queue {
  public:
    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }

    void push(std::span<const std::byte> bytes) {
        if (size_ + bytes.size() > ring_.size()) grow(size_ + bytes.size());
        const std::size_t at = (head_ + size_) & (ring_.size() - 1);
        const std::size_t first = std::min(bytes.size(), ring_.size() - at);
        if (!bytes.empty()) std::memcpy(ring_.data() + at, bytes.data(), first);
        if (first < bytes.size()) std::memcpy(ring_.data(), bytes.data() + first, bytes.size() - first);
        size_ += bytes.size();
    }

    /// Copies as much as there is and fits; \return how much.
    std::size_t peek(std::span<std::byte> into) const noexcept {
        const std::size_t n = std::min(into.size(), size_);
        if (n == 0) return 0;
        const std::size_t first = std::min(n, ring_.size() - head_);
        std::memcpy(into.data(), ring_.data() + head_, first);
        if (first < n) std::memcpy(into.data() + first, ring_.data(), n - first);
        return n;
    }

    /// The same, and it is gone from here.
    std::size_t pop(std::span<std::byte> into) noexcept {
        const std::size_t n = peek(into);
        if (n == 0) return 0;
        head_ = (head_ + n) & (ring_.size() - 1);
        size_ -= n;
        return n;
    }

    void clear() noexcept { head_ = size_ = 0; }

  private:
    void grow(std::size_t least) {
        std::vector<std::byte> larger(std::bit_ceil(std::max<std::size_t>(least, 256)));
        const std::size_t size = pop({larger.data(), larger.size()});
        ring_ = std::move(larger);
        head_ = 0;
        size_ = size;
    }

    std::vector<std::byte> ring_;  // of a power of two
    std::size_t head_ = 0;
    std::size_t size_ = 0;
};

}  // namespace penstock::detail
