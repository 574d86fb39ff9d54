#include "contenders/files/block_order.hpp"

#include <algorithm>
#include <bit>

namespace iobench {

namespace {

constexpr int rounds = 3;
constexpr std::uint64_t odd = 0x9e3779b97f4a7c15;

}  // namespace

block_order::block_order(std::uint64_t count, std::uint64_t seed) noexcept
    : count_(count), seed_(seed), bits_(std::max(2U, static_cast<unsigned>(std::bit_width(count - 1)))) {}

// Adding, multiplying by an odd number and folding the upper half into the lower can all be undone, so different
// values stay different.
std::uint64_t block_order::scramble(std::uint64_t value) const noexcept {
    const std::uint64_t mask = (std::uint64_t{1} << bits_) - 1;
    for (int round = 0; round < rounds; ++round) {
        value = (value + (seed_ >> (round * 16))) & mask;
        value = (value * odd) & mask;
        value ^= value >> (bits_ / 2);
    }
    return value;
}

// What falls beyond the count goes on walking along its cycle until it falls within.
std::uint64_t block_order::operator()(std::uint64_t n) const noexcept {
    do n = scramble(n);
    while (n >= count_);
    return n;
}

}  // namespace iobench
