// Whole pages of memory, huge ones if that is wanted and there are some.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace penstock::detail {

enum class page_kind : std::uint8_t {
    ordinary,
    transparent,  ///< the kernel makes huge ones of them when they are touched, if it finds any (madvise(2))
    huge,         ///< set aside for that (vm.nr_hugepages)
};

/// Private, zeroed, and touched by nobody yet. Whoever has mapped them unmaps them.
struct pages {
    std::byte* memory = nullptr;  ///< null: there is not so much memory
    std::size_t size = 0;
    page_kind kind = page_kind::ordinary;
    int not_huge = 0;         ///< why none that are set aside, as errno; 0: not wanted, or they are
    int not_transparent = 0;  ///< why not those either; EPERM: turned off
};

pages map_pages(std::size_t bytes, bool huge) noexcept;
void unmap_pages(pages& p) noexcept;

/// One line: what was wanted and is not so, and why. Empty if nothing is missing.
std::string what_is_missing(const pages& p);

}  // namespace penstock::detail
