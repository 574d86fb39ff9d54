// What is left to chance: a small generator of our own, since the library's distributions differ between libraries.
#pragma once

#include <penstock/time.hpp>

#include <cstdint>

namespace penstock::detail {

/// splitmix64 (G. Steele et al., "Fast splittable pseudorandom number generators", OOPSLA 2014).
class dice {
  public:
    explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t roll() noexcept {
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15;
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
        return z ^ z >> 31;
    }

    /// Evenly from 0 up to `n` - 1; `n` is not 0.
    std::uint64_t below(std::uint64_t n) noexcept { return n <= 1 ? 0 : roll() % n; }

    duration between(duration least, duration most) noexcept {
        if (most <= least) return least;
        return least + duration(static_cast<duration::rep>(below(static_cast<std::uint64_t>((most - least).count()))));
    }

    bool coin() noexcept { return (roll() >> 63) != 0; }

  private:
    std::uint64_t state_;
};

}  // namespace penstock::detail
