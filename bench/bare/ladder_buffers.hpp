#pragma once

#include "ladder_ring.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace bench {

// The buffers of a group from which the kernel picks: given back through a ring in shared memory, or, as it was before
// Linux 5.19, each by an operation.
class ladder_buffers {
  public:
    static constexpr unsigned short group = 0;
    static constexpr unsigned count = 1024;
    static constexpr unsigned size = 4096;

    ladder_buffers(ladder_ring& ring, bool shared);

    [[nodiscard]] std::byte* at(std::uint16_t index) { return &storage_[std::size_t{index} * size]; }
    void give_back(std::uint16_t index);

    // Shows the kernel what was given back; true when there was something.
    bool publish();

    // The buffer that was given to the kernel behind this one: where a bundle goes on.
    [[nodiscard]] std::uint16_t behind(std::uint16_t index) const { return order_[(place_[index] + 1U) % count]; }

  private:
    void provide(std::uint16_t first, unsigned how_many);

    ladder_ring& ring_;
    std::vector<std::byte> storage_;
    io_uring_buf_ring* shared_ = nullptr;
    int returned_ = 0;
    unsigned tail_ = 0;
    std::vector<std::uint16_t> order_;  // what is at each place of the ring
    std::vector<unsigned> place_;       // where each buffer is in it
};

}  // namespace bench
