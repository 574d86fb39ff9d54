// Numbers that a seed decides, the same on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace simulated {

/// splitmix64. The standard library's engines would do, but its distributions differ from one to the next.
class dice {
  public:
    explicit dice(std::uint64_t seed) noexcept : state_(seed) {}

    std::uint64_t roll() noexcept {
        std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
        z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31U);
    }
    /// 0 to `n` - 1.
    std::uint64_t below(std::uint64_t n) noexcept { return roll() % n; }
    std::uint64_t between(std::uint64_t least, std::uint64_t most) noexcept { return least + below(most - least + 1); }
    bool chance(unsigned percent) noexcept { return below(100) < percent; }
    /// The index of one of `weights`, each as likely as it is heavy.
    std::size_t pick(std::initializer_list<unsigned> weights) noexcept {
        std::uint64_t sum = 0;
        for (const unsigned w : weights) sum += w;
        std::uint64_t left = below(sum);
        std::size_t i = 0;
        for (const unsigned w : weights) {
            if (left < w) break;
            left -= w;
            ++i;
        }
        return i;
    }

  private:
    std::uint64_t state_;
};

}  // namespace simulated
