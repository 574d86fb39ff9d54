// The ring's own table of descriptors: what a chain opens goes there, where the following steps find it without the
// program having been told.
#pragma once

#include "backend/io_uring/registered.hpp"
#include <penstock/handle.hpp>

#include <bit>
#include <cstdint>

namespace penstock::detail {

/// Hands out places in the table. A handle made of one is for this ring only.
class direct_table {
  public:
    /// Descriptors at once; chains beyond that run in order.
    static constexpr unsigned most = registered::direct_places;

    explicit direct_table(registered& table) noexcept : table_(table) {}

    /// Makes the table if there is none. \return false if the kernel has none to give.
    bool there() noexcept { return table_.make_file_table() == 0; }
    unsigned available() const noexcept { return static_cast<unsigned>(std::popcount(free_)); }

    /// A free place; there must be one.
    std::int32_t take() noexcept {
        const int slot = std::countr_zero(free_);
        free_ &= free_ - 1;
        return slot + static_cast<std::int32_t>(table_.first_direct_place());
    }
    void put(std::int32_t slot) noexcept {
        free_ |= std::uint64_t{1} << (static_cast<std::uint32_t>(slot) - table_.first_direct_place());
    }

    static constexpr handle handle_of(std::int32_t slot) noexcept { return {slot | mark}; }
    /// Linux has no descriptor with so high a number (fs.nr_open is at most 2^30 less a few).
    static constexpr bool is_direct(std::int32_t id) noexcept { return id >= mark; }
    static constexpr std::int32_t slot_of(std::int32_t id) noexcept { return id & ~mark; }

  private:
    static constexpr std::int32_t mark = 1 << 30;
    static_assert(most == 64, "as many as free_ has bits");

    registered& table_;
    std::uint64_t free_ = ~std::uint64_t{0};
};

}  // namespace penstock::detail
