// A set of signals, as a value.
#pragma once

#include <concepts>
#include <cstdint>

namespace penstock {

/// A set of signals, by number: `{SIGTERM, SIGINT}`.
class signal_set {
  public:
    constexpr signal_set() noexcept = default;
    template <std::same_as<int>... Number>
        requires(sizeof...(Number) != 0)
    constexpr signal_set(Number... numbers) noexcept {  // NOLINT(google-explicit-constructor): reads as a list
        (add(numbers), ...);
    }

    constexpr void add(int number) noexcept {
        if (number < 1 || number > 64) {
            valid_ = false;
        } else {
            mask_ |= std::uint64_t{1} << (number - 1);
        }
    }
    constexpr bool contains(int number) const noexcept {
        return number >= 1 && number <= 64 && (mask_ >> (number - 1) & 1) != 0;
    }
    constexpr bool empty() const noexcept { return mask_ == 0; }
    /// Whether every number that was put in is one of a signal (1 to 64).
    constexpr bool valid() const noexcept { return valid_; }
    /// Bit n-1 stands for signal n.
    constexpr std::uint64_t mask() const noexcept { return mask_; }

  private:
    std::uint64_t mask_ = 0;
    bool valid_ = true;
};

}  // namespace penstock
