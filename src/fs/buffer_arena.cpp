#include <penstock/buffer_arena.hpp>

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace penstock::fs {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t page = 4096;

std::size_t whole(std::size_t bytes, std::size_t unit) noexcept { return (bytes + unit - 1) / unit * unit; }

void* map_memory(std::size_t bytes, int how) noexcept {
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | how, -1, 0);
}

}  // namespace

result<buffer_arena> buffer_arena::create(buffer_arena_options options) {
    if (options.buffer_size == 0 || options.count == 0) return fail(std::errc::invalid_argument);
    if (options.count > SIZE_MAX / 2 / options.buffer_size) return fail(std::errc::not_enough_memory);
    buffer_arena arena;
    if (!arena.map(options.buffer_size * options.count, options.huge_pages)) {
        return fail(std::errc::not_enough_memory);
    }
    arena.buffer_size_ = options.buffer_size;
    arena.home_ = detail::current_loop;
    arena.region_ = arena.home_->register_memory(arena.memory_);
    return arena;
}

bool buffer_arena::map(std::size_t bytes, bool huge_pages) noexcept {
    void* memory = MAP_FAILED;
    if (huge_pages) {
        mapped_ = whole(bytes, huge_page);
        memory = map_memory(mapped_, MAP_HUGETLB);
        huge_ = memory != MAP_FAILED;
        huge_error_ = huge_ ? 0 : errno;
    }
    if (memory == MAP_FAILED) {
        mapped_ = whole(bytes, page);
        memory = map_memory(mapped_, 0);
        if (memory == MAP_FAILED) return false;
        if (huge_pages) ::madvise(memory, mapped_, MADV_HUGEPAGE);
    }
    // The kernel writes into these pages: after a fork they must not become the child's, and others ours.
    ::madvise(memory, mapped_, MADV_DONTFORK);
    memory_ = {static_cast<std::byte*>(memory), bytes};
    return true;
}

buffer_arena::~buffer_arena() {
    if (memory_.empty()) return;
    if (registered()) home_->unregister_memory(region_);
    ::munmap(memory_.data(), mapped_);
}

std::string buffer_arena::what_is_missing() const {
    std::string text;
    if (region_ < 0) {
        text = region_ == -EOPNOTSUPP ? "the mechanism has no use for registered memory"
                                      : "the memory is not registered: " + std::string(std::strerror(-region_));
        if (region_ == -ENOMEM) text += "; raise the locked-memory limit (ulimit -l)";
    }
    if (huge_error_ != 0) {
        if (!text.empty()) text += "; ";
        text += "no huge pages are set aside (sysctl vm.nr_hugepages): " + std::string(std::strerror(huge_error_)) +
                "; transparent ones were asked for";
    }
    return text;
}

void buffer_arena::swap(buffer_arena& other) noexcept {
    std::swap(home_, other.home_);
    std::swap(memory_, other.memory_);
    std::swap(mapped_, other.mapped_);
    std::swap(buffer_size_, other.buffer_size_);
    std::swap(region_, other.region_);
    std::swap(huge_error_, other.huge_error_);
    std::swap(huge_, other.huge_);
}

}  // namespace penstock::fs
