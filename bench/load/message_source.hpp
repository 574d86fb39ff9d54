#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

// The pattern is read at an offset that depends on connection and round: building a message costs nothing, and a byte
// that is lost, doubled or crossed over between connections shows.
class message_source {
  public:
    explicit message_source(std::size_t size) : size_{size}, pattern_(size + shifts) {
        std::uint32_t state = 1;
        for (std::byte& byte : pattern_) {
            state = state * 1664525 + 1013904223;
            byte = static_cast<std::byte>(state >> 24);
        }
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    [[nodiscard]] const std::byte* message(std::size_t connection, std::uint64_t round) const {
        return pattern_.data() + (connection * 31 + round) % shifts;
    }

  private:
    static constexpr std::size_t shifts = 1021;

    std::size_t size_;
    std::vector<std::byte> pattern_;
};

}  // namespace bench
