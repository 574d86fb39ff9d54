// What a readiness mechanism knows of each descriptor.
#pragma once

#include <penstock/operation.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::detail {

/// The two directions in which a descriptor can be waited for.
enum class direction : std::uint8_t { read = 0, write = 1 };

/// Per descriptor: who waits, and what is known without asking the kernel. 32 bytes, so that idle ones are cheap.
struct descriptor_state {
    std::array<operation*, 2> occupant{};      ///< the one operation under way per direction
    std::array<std::uint32_t, 2> mechanism{};  ///< for the mechanism: registered, or the number of its request
    std::uint32_t generation = 0;              ///< grows with each close, so that late events are known as such
    bool may_read : 1 = false;                 ///< a read may find something; cleared by EAGAIN or a short one
    bool hung_up : 1 = false;                  ///< the end or an error is ahead: a short read proves nothing
    bool short_means_empty : 1 = false;        ///< TCP: a short read took all there was
    bool never_waits : 1 = false;              ///< a file, by what the mechanism says: use the file path
    bool shared : 1 = false;                   ///< adopted: others may hold the same open file description
    bool no_reads : 1 = false;                 ///< open for writing only: a read would wait for ever instead of failing
    bool no_writes : 1 = false;                ///< open for reading only
    bool asks_each_time : 1 = false;           ///< a partial read leaves no trace: ask the kernel before each one
    bool may_lend : 1 = false;                 ///< sends may go without copying, and its error queue is watched
    bool copies_only : 1 = false;              ///< sends without copying were refused

    operation*& at(direction d) noexcept { return occupant[static_cast<std::size_t>(d)]; }
    std::uint32_t& request(direction d) noexcept { return mechanism[static_cast<std::size_t>(d)]; }
};

/// Indexed by descriptor; grows in chunks and keeps addresses. Bounded by the process's descriptor limit.
class descriptor_table {
  public:
    descriptor_state& operator[](std::int32_t fd) {
        const auto chunk = static_cast<std::size_t>(fd) / chunk_size;
        while (chunk >= chunks_.size()) chunks_.push_back(nullptr);
        if (chunks_[chunk] == nullptr) chunks_[chunk] = std::make_unique<descriptor_state[]>(chunk_size);
        return chunks_[chunk][static_cast<std::size_t>(fd) % chunk_size];
    }

    /// Calls `visit(fd, state)` for each that may have been looked at.
    template <class Visit>
    void for_each(Visit visit) {
        for (std::size_t at = 0; at < chunks_.size() * chunk_size; ++at) {
            if (chunks_[at / chunk_size] == nullptr) continue;
            visit(static_cast<std::int32_t>(at), chunks_[at / chunk_size][at % chunk_size]);
        }
    }

  private:
    static constexpr std::size_t chunk_size = 256;
    std::vector<std::unique_ptr<descriptor_state[]>> chunks_;
};

}  // namespace penstock::detail
