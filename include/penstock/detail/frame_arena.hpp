// Coroutine frames without malloc: per loop, by size class, most recently freed first.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::detail {

struct frame_statistics {
    std::size_t reserved = 0;       ///< bytes taken from the system
    std::size_t in_use = 0;         ///< frames alive
    std::uint64_t from_system = 0;  ///< frames too large for any class, which malloc had to serve
};

/// Used by the loop's thread only. Freed frames stay with their size class; memory goes back when the arena dies, so
/// "no allocation" means none after warm-up.
class frame_arena {
  public:
    frame_arena() = default;
    ~frame_arena();
    frame_arena(const frame_arena&) = delete;
    frame_arena& operator=(const frame_arena&) = delete;

    void* allocate(std::size_t size);
    void free(void* memory, std::size_t size) noexcept;
    frame_statistics statistics() const noexcept { return {reserved_, in_use_, from_system_}; }

  private:
    static constexpr std::size_t granule = 64;
    static constexpr std::size_t classes = 64;  // up to 4 KiB
    static constexpr std::size_t chunk_size = std::size_t{64} * 1024;

    struct free_block {
        free_block* next;
    };
    void* carve(std::size_t size);

    std::array<free_block*, classes> free_{};
    std::vector<std::unique_ptr<std::byte[]>> chunks_;
    std::byte* unused_ = nullptr;
    std::size_t unused_size_ = 0;
    std::size_t reserved_ = 0;
    std::size_t in_use_ = 0;
    std::uint64_t from_system_ = 0;
};

/// Allocates a frame from the arena of the loop that runs on this thread, or from malloc if none does.
void* allocate_frame(std::size_t size);
/// Frees a frame to where it came from. Frames of a loop must be freed on its thread, before it ends.
void free_frame(void* frame) noexcept;

}  // namespace penstock::detail
