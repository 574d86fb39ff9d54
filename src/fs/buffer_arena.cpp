#include <penstock/buffer_arena.hpp>

#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace penstock::fs {

result<buffer_arena> buffer_arena::create(buffer_arena_options options) {
    if (options.buffer_size == 0 || options.count == 0) return fail(std::errc::invalid_argument);
    if (options.count > SIZE_MAX / 2 / options.buffer_size) return fail(std::errc::not_enough_memory);
    buffer_arena arena;
    const std::size_t bytes = options.buffer_size * options.count;
    arena.pages_ = detail::map_pages(bytes, options.huge_pages);
    if (arena.pages_.memory == nullptr) return fail(std::errc::not_enough_memory);
    // The kernel writes into these pages: after a fork they must not become the child's, and others ours.
    ::madvise(arena.pages_.memory, arena.pages_.size, MADV_DONTFORK);
    arena.memory_ = {arena.pages_.memory, bytes};
    arena.buffer_size_ = options.buffer_size;
    arena.home_ = detail::current_loop;
    arena.region_ = arena.home_->register_memory(arena.memory_);
    return arena;
}

buffer_arena::~buffer_arena() {
    if (memory_.empty()) return;
    if (registered()) home_->unregister_memory(region_);
    detail::unmap_pages(pages_);
}

std::string buffer_arena::what_is_missing() const {
    std::string text;
    if (region_ < 0) {
        text = region_ == -EOPNOTSUPP ? "the mechanism has no use for registered memory"
                                      : "the memory is not registered: " + std::string(std::strerror(-region_));
        if (region_ == -ENOMEM) text += "; raise the locked-memory limit (ulimit -l)";
    }
    const std::string pages = detail::what_is_missing(pages_);
    if (!text.empty() && !pages.empty()) text += "; ";
    return text + pages;
}

void buffer_arena::swap(buffer_arena& other) noexcept {
    std::swap(home_, other.home_);
    std::swap(memory_, other.memory_);
    std::swap(pages_, other.pages_);
    std::swap(buffer_size_, other.buffer_size_);
    std::swap(region_, other.region_);
}

}  // namespace penstock::fs
