// Files and memory that a ring was told of beforehand, so that an operation on them need not be looked up, counted and
// pinned each time.
#pragma once

#include "backend/io_uring/kernel.hpp"
#include <penstock/operation.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace penstock::detail {

/// The tables of one ring, made when they are first needed. A file's place in its table is its descriptor's number.
class registered {
  public:
    /// Pieces of memory at once; one for each fs::buffer_arena.
    static constexpr std::size_t most_regions = 16;

    registered(::io_uring* ring, std::uint32_t most_files) noexcept : ring_(ring), most_files_(most_files) {}

    /// The kernel does not know what would make use of it, or may not do it.
    void refuse_memory() noexcept { refuses_memory_ = true; }
    /// \return the piece's number, or -errno: -ENOBUFS beyond most_regions, -ENOMEM beyond `ulimit -l`.
    int add_memory(std::span<std::byte> memory) noexcept;
    void remove_memory(int region) noexcept;

    /// Makes the table of files if there is none: `most_files` places for files by their number, then direct_places for
    /// what never has one. \return 0, or -errno.
    int make_file_table() noexcept;
    static constexpr std::uint32_t direct_places = 64;
    std::uint32_t first_direct_place() const noexcept { return most_files_; }

    /// \return 0, or -errno; the file can be used all the same.
    int add_file(std::int32_t fd) noexcept;
    /// Before the descriptor is closed: the table holds the file open.
    void remove_file(std::int32_t fd) noexcept;
    bool has_file(std::int32_t fd) const noexcept {
        return static_cast<std::size_t>(fd) < files_.size() && files_[static_cast<std::size_t>(fd)];
    }

    /// Makes the entry name what is registered of the operation by its number.
    void refine(::io_uring_sqe& sqe, const read_at_op& op) noexcept;

    std::uint64_t by_file() const noexcept { return by_file_; }
    std::uint64_t by_memory() const noexcept { return by_memory_; }

  private:
    int region_of(const io_slice& slice) const noexcept;

    ::io_uring* ring_;
    std::uint32_t most_files_;
    bool refuses_memory_ = false;
    bool has_memory_table_ = false;
    int file_table_ = 1;  // 0: it is there; -errno: it can't be had
    int regions_in_use_ = 0;
    std::array<std::span<std::byte>, most_regions> regions_{};
    std::vector<bool> files_;
    std::uint64_t by_file_ = 0;
    std::uint64_t by_memory_ = 0;
};

}  // namespace penstock::detail
