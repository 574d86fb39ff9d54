// fs::buffer_arena: buffers for reading and writing files, of which the mechanism is told once.
#pragma once

#include <penstock/detail/pages.hpp>
#include <penstock/loop.hpp>
#include <penstock/result.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <utility>

namespace penstock::fs {

struct buffer_arena_options {
    std::size_t buffer_size = 4096;  ///< bytes; for files open with open_options::direct a multiple of the block size
    std::size_t count = 64;
    /// Huge pages: those that were set aside (MAP_HUGETLB; vm.nr_hugepages), else transparent ones (MADV_HUGEPAGE),
    /// else ordinary ones; what_is_missing() says why. Costs memory, which is whole pages of 2 MiB then; pays where
    /// buffers are large, or many: the processor keeps fewer translations, and registering pins one page in place of
    /// 512.
    bool huge_pages = false;
};

/// Equal buffers in one piece of memory that begins at a page. file::read_at() and write_at() with one of them, or a
/// part of one, do on every mechanism what they do with any memory; io_uring has the memory pinned and looked up once
/// instead of with each operation (READ_FIXED, WRITE_FIXED), which pays with O_DIRECT files. The pages count towards
/// `ulimit -l` there; when that does not suffice, or there are more than 16 arenas on a loop, registered() is false.
/// Move-only; used on its loop's thread; must end before the loop and after the operations on it. A forked child does
/// not have this memory.
class buffer_arena {
  public:
    /// On the loop that runs here. Errors: not_enough_memory; invalid_argument when a size is 0.
    static result<buffer_arena> create(buffer_arena_options options = {});

    buffer_arena() noexcept = default;
    buffer_arena(buffer_arena&& other) noexcept { swap(other); }
    buffer_arena& operator=(buffer_arena&& other) noexcept {
        buffer_arena(std::move(other)).swap(*this);
        return *this;
    }
    ~buffer_arena();

    std::size_t count() const noexcept { return buffer_size_ == 0 ? 0 : memory_.size() / buffer_size_; }
    std::size_t buffer_size() const noexcept { return buffer_size_; }
    std::span<std::byte> operator[](std::size_t index) const noexcept {
        return memory_.subspan(index * buffer_size_, buffer_size_);
    }

    /// Whether the mechanism makes use of it.
    bool registered() const noexcept { return region_ >= 0; }
    /// Whether its pages are huge ones that were set aside for that.
    bool huge_pages() const noexcept { return pages_.kind == detail::page_kind::huge; }
    /// Whether the kernel has agreed to make huge pages of them, as far as it finds some.
    bool transparent_huge_pages() const noexcept { return pages_.kind == detail::page_kind::transparent; }
    /// One line for people: what was asked for and is not so, and why. Empty if nothing is missing.
    std::string what_is_missing() const;

  private:
    void swap(buffer_arena& other) noexcept;

    loop* home_ = nullptr;
    std::span<std::byte> memory_;  ///< count * buffer_size
    detail::pages pages_;
    std::size_t buffer_size_ = 0;
    int region_ = -1;  ///< its number, or -errno
};

}  // namespace penstock::fs
