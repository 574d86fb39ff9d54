#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench {

// Counts latencies in buckets that grow with the value: 64 per power of two, so a percentile is off by at
// most 1.6 %.
class latency_histogram {
  public:
    void add(std::uint64_t nanoseconds) {
        ++counts_[bucket_of(nanoseconds)];
        ++total_;
    }

    // What another one has counted, too.
    void add(const latency_histogram& other) {
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            counts_[bucket] += other.counts_[bucket];
        }
        total_ += other.total_;
    }

    // The upper edge, in nanoseconds, of the bucket below which `share` of all values lie.
    [[nodiscard]] std::uint64_t percentile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
        std::uint64_t below = 0;
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            below += counts_[bucket];
            if (below > wanted) {
                return upper_edge(bucket);
            }
        }
        return 0;
    }

  private:
    static constexpr unsigned step_bits = 6;
    static constexpr std::size_t steps = std::size_t{1} << step_bits;

    static std::size_t bucket_of(std::uint64_t value) {
        if (value < steps) {
            return static_cast<std::size_t>(value);
        }
        const auto shift = static_cast<unsigned>(std::bit_width(value)) - step_bits - 1;
        return (shift + 1) * steps + static_cast<std::size_t>(value >> shift) - steps;
    }

    static std::uint64_t upper_edge(std::size_t bucket) {
        if (bucket < steps) {
            return bucket;
        }
        const auto shift = bucket / steps - 1;
        return ((steps + bucket % steps + 1) << shift) - 1;
    }

    std::array<std::uint64_t, (64 - step_bits + 1) * steps> counts_{};
    std::uint64_t total_ = 0;
};

}  // namespace bench
