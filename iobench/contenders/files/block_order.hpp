// In which order the blocks of a file are visited: each once per pass.
#pragma once

#include <cstdint>

namespace iobench {

/// A permutation of 0 … count-1 that needs no memory: it looks random, hits no block twice in a pass, and is decided by
/// its seed. Threads may share one.
class block_order {
  public:
    /// `count` is at least 1.
    block_order(std::uint64_t count, std::uint64_t seed) noexcept;
    /// Where the n-th visit of a pass goes; n < count.
    std::uint64_t operator()(std::uint64_t n) const noexcept;
    std::uint64_t count() const noexcept { return count_; }

  private:
    std::uint64_t scramble(std::uint64_t value) const noexcept;

    std::uint64_t count_;
    std::uint64_t seed_;
    unsigned bits_;
};

}  // namespace iobench
