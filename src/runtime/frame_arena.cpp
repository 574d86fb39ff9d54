#include <penstock/detail/frame_arena.hpp>

#include <penstock/loop.hpp>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define PENSTOCK_POISONS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PENSTOCK_POISONS 1
#endif
#endif
#ifdef PENSTOCK_POISONS
#include <sanitizer/asan_interface.h>
#endif

namespace penstock::detail {
namespace {

// Recycled frames would hide a use after free from the sanitizer, so it is told which blocks are free.
void poison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef PENSTOCK_POISONS
    __asan_poison_memory_region(memory, size);
#endif
}

void unpoison([[maybe_unused]] void* memory, [[maybe_unused]] std::size_t size) noexcept {
#ifdef PENSTOCK_POISONS
    __asan_unpoison_memory_region(memory, size);
#endif
}

// Stands before each frame and says where it came from.
struct alignas(std::max_align_t) frame_header {
    frame_arena* arena;
    std::size_t size;
};

}  // namespace

frame_arena::~frame_arena() {
    for (const auto& chunk : chunks_) unpoison(chunk.get(), chunk_size);
}

void* frame_arena::allocate(std::size_t size) {
    const std::size_t index = (size - 1) / granule;
    ++in_use_;
    if (index >= classes) {
        ++from_system_;
        return ::operator new(size);
    }
    if (free_block* const block = free_[index]; block != nullptr) {
        unpoison(block, (index + 1) * granule);
        free_[index] = block->next;
        return block;
    }
    return carve((index + 1) * granule);
}

void* frame_arena::carve(std::size_t size) {
    if (unused_size_ < size) {
        chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(chunk_size));
        unused_ = chunks_.back().get();
        unused_size_ = chunk_size;
        reserved_ += chunk_size;
    }
    void* const block = unused_;
    unused_ += size;
    unused_size_ -= size;
    return block;
}

void frame_arena::free(void* memory, std::size_t size) noexcept {
    const std::size_t index = (size - 1) / granule;
    --in_use_;
    if (index >= classes) {
        ::operator delete(memory);
        return;
    }
    auto* const block = static_cast<free_block*>(memory);
    block->next = free_[index];
    free_[index] = block;
    poison(block, (index + 1) * granule);
}

void* allocate_frame(std::size_t size) {
    const std::size_t whole = size + sizeof(frame_header);
    frame_arena* const arena = current_loop == nullptr ? nullptr : &current_loop->frames();
    void* const memory = arena == nullptr ? ::operator new(whole) : arena->allocate(whole);
    auto* const header = new (memory) frame_header{.arena = arena, .size = whole};
    return header + 1;
}

void free_frame(void* frame) noexcept {
    frame_header* const header = static_cast<frame_header*>(frame) - 1;
    if (header->arena == nullptr) {
        ::operator delete(header);
    } else {
        header->arena->free(header, header->size);
    }
}

}  // namespace penstock::detail
