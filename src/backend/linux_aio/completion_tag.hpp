// What a completion is of, in the 64 bits that the kernel hands back with it.
#pragma once

#include <penstock/operation.hpp>

#include <cstdint>

namespace penstock::detail {

class completion_tag {
  public:
    enum class kind : std::uint8_t { operation, poll, wake };

    static std::uint64_t of(operation& op) noexcept { return reinterpret_cast<std::uintptr_t>(&op); }
    static std::uint64_t of_poll(std::uint32_t slot) noexcept { return std::uint64_t{slot} << bits | 1; }
    static std::uint64_t of_wake() noexcept { return 2; }

    explicit completion_tag(std::uint64_t raw) noexcept : raw_(raw) {}
    completion_tag::kind what() const noexcept { return static_cast<kind>(raw_ & mask); }
    detail::operation& op() const noexcept {
        return *reinterpret_cast<detail::operation*>(static_cast<std::uintptr_t>(raw_));
    }
    std::uint32_t slot() const noexcept { return static_cast<std::uint32_t>(raw_ >> bits); }

  private:
    static constexpr unsigned bits = 2;
    static constexpr std::uint64_t mask = 3;
    static_assert(alignof(detail::operation) > mask, "the low bits of an operation's address must be free");
    std::uint64_t raw_;
};

}  // namespace penstock::detail
