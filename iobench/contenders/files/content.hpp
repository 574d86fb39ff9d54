// What the files that are read hold, so that whoever reads them can tell the right bytes from wrong ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace iobench {

/// Files are made of pages of this size, each marked with what it is at both of its ends.
inline constexpr std::size_t page_size = 4096;

/// Marks all pages of `bytes`, which are those of file number `file` from `offset` on (both multiples of a page). What
/// is between the marks stays as it is.
void mark_pages(std::span<std::byte> bytes, std::uint64_t seed, std::size_t file, std::uint64_t offset) noexcept;

/// Whether the first page is marked at its beginning and the last at its end. Two words, as it is done while time is
/// taken.
bool marked_right(std::span<const std::byte> bytes, std::uint64_t seed, std::size_t file,
                  std::uint64_t offset) noexcept;

/// Bytes that no file system compresses; the same for the same seed.
void fill_with_noise(std::span<std::byte> bytes, std::uint64_t seed) noexcept;

}  // namespace iobench
