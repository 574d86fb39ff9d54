// Signals as the kernel describes them, so that nothing above src/op needs its headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace penstock::detail {

/// What the handle of a signals_op delivers, decoded.
struct raw_signal {
    std::uint32_t number;
    std::int32_t code;
    std::uint32_t sender;
    std::uint32_t sender_user;
    std::int32_t value;
    std::int32_t status;
};

/// Bytes that one signal takes up in what read_op brings; it never brings a part of one.
inline constexpr std::size_t raw_signal_size = 128;

/// The signal at the front of `bytes`, which are at least raw_signal_size.
raw_signal decode_signal(std::span<const std::byte> bytes) noexcept;

/// Blocks the signals of `mask` (bit n-1: signal n) in this thread. \return whether they are all blocked now.
bool block_signals_here(std::uint64_t mask) noexcept;

/// Whether this thread blocks them all.
bool blocks_signals(std::uint64_t mask) noexcept;

}  // namespace penstock::detail
