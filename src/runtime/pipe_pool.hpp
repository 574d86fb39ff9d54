// The pipes that transfer() moves bytes through without copying them; kept, since making one costs more than using it.
#pragma once

#include <penstock/loop.hpp>
#include <penstock/operation.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace penstock::detail {

/// A pipe of the pool's: empty whenever it is taken.
struct transfer_pipe : list_hook {
    transfer_pipe(handle read, handle write, bool large) noexcept;

    struct own_close : close_op {
        own_close(transfer_pipe& p, handle h) noexcept : close_op(h), self(p) {}
        transfer_pipe& self;
    };
    handle read_end;
    handle write_end;
    own_close close_read;
    own_close close_write;
    bool large;  ///< counts among pipe_pool::most_large
    int left_to_close = 2;
};

/// A loop's pipes: at most loop_options::transfer_pipes, of which those in nobody's hands are kept up to `most_idle`.
class pipe_pool {
  public:
    static constexpr std::size_t most_idle = 16;  // two descriptors each; the kernel's memory only while in use

    /// What a large pipe holds. Each call moves as much, and wakes who waits on either side.
    static constexpr std::uint32_t large_capacity = std::uint32_t{512} << 10;
    /// Large ones of the whole process, which are made first; the others hold what the kernel thinks right (64 KiB).
    /// They count as a quarter of what one user's pipes may hold by default (pipe-user-pages-soft in proc(5)), beyond
    /// which the kernel gives everybody's new ones two pages.
    static constexpr std::size_t most_large = 32;

    explicit pipe_pool(std::size_t most) noexcept : most_(most) {}

    /// An idle pipe, or null.
    transfer_pipe* take() noexcept;
    /// Asks to open one more. \return false (and counts it) if there may be none; else add() or unreserve() follows.
    bool reserve() noexcept;
    void unreserve() noexcept { --open_; }
    transfer_pipe* add(handle read, handle write, bool large) { return new transfer_pipe(read, write, large); }
    /// Whether the next one is to be large; if so, it is given back with its pipe, or by unreserve_large().
    static bool reserve_large() noexcept;
    static void unreserve_large() noexcept { large_open.fetch_sub(1, std::memory_order_relaxed); }
    static std::size_t large() noexcept { return large_open.load(std::memory_order_relaxed); }
    /// A pipe that is not empty any more can only be closed.
    void give_back(loop& home, transfer_pipe& pipe, bool empty) noexcept;
    /// The loop ends.
    void close_idle(loop& home) noexcept;

    std::size_t open() const noexcept { return open_; }
    std::uint64_t refused() const noexcept { return refused_; }

  private:
    void close(loop& home, transfer_pipe& pipe) noexcept;

    const std::size_t most_;
    std::size_t open_ = 0;
    std::size_t idle_count_ = 0;
    std::uint64_t refused_ = 0;
    list<transfer_pipe> idle_;
    static inline std::atomic<std::size_t> large_open{0};
};

}  // namespace penstock::detail
