// Bodies that say where they belong: each byte follows from the message it is part of and its place in that, so a byte
// that was lost, doubled, or taken from another message is seen where it arrives.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace simulated {

enum class direction : std::uint8_t { to_origin, to_client };

/// The bytes of one message in one direction.
class marked_bytes {
  public:
    marked_bytes(std::uint32_t message, direction way) noexcept
        : key_((std::uint64_t{message} << 1U | static_cast<std::uint64_t>(way)) * 0xd1342543de82ef95U) {}

    void write(std::uint64_t offset, std::span<char> into) const noexcept {
        while (!into.empty()) {
            char word[8];
            const std::uint64_t bits = word_at(offset / 8);
            std::memcpy(word, &bits, 8);
            const std::size_t skip = offset % 8;
            const std::size_t n = std::min(into.size(), 8 - skip);
            std::memcpy(into.data(), word + skip, n);
            offset += n;
            into = into.subspan(n);
        }
    }

    /// \return the place in `bytes` of the first that is wrong, or its size.
    std::size_t first_wrong(std::uint64_t offset, std::string_view bytes) const noexcept {
        char expected[512];
        for (std::size_t done = 0; done < bytes.size();) {
            const std::size_t n = std::min(sizeof expected, bytes.size() - done);
            write(offset + done, {expected, n});
            const auto wrong = std::mismatch(expected, expected + n, bytes.data() + done).first;
            if (wrong != expected + n) return done + static_cast<std::size_t>(wrong - expected);
            done += n;
        }
        return bytes.size();
    }

  private:
    std::uint64_t word_at(std::uint64_t index) const noexcept {
        std::uint64_t z = key_ + index * 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 32U)) * 0xd6e8feb86659fd93U;
        return z ^ (z >> 32U);
    }
    std::uint64_t key_;
};

}  // namespace simulated
