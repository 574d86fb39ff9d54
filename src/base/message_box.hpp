// Messages that wait for a loop, from any thread. It outlives the loop for as long as somebody has its address.
#pragma once

#include "base/bounded_queue.hpp"
#include "base/unique_fd.hpp"
#include <penstock/loop_message.hpp>
#include <penstock/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <thread>

namespace penstock::detail {

/// How senders make the loop look into its box, and for as long as it is open.
struct box_owner {
    void (*wake)(box_owner& self) noexcept = nullptr;

  protected:
    ~box_owner() = default;
};

class message_box {
  public:
    message_box(std::size_t capacity, box_owner& owner, unique_fd door)
        : queue_(capacity), owner_(owner), door_(std::make_shared<const unique_fd>(std::move(door))) {}

    // --- Any thread

    /// \return 0; errc::queue_full or errc::loop_stopped, and nothing was kept then. Whoever puts something in sees to
    /// it that the loop wakes.
    std::int32_t put(loop_message what) noexcept {
        std::int32_t r = encode(errc::loop_stopped);
        while_open([&] { r = queue_.push(what) ? 0 : encode(errc::queue_full); });
        if (r == encode(errc::queue_full)) refused_.fetch_add(1, std::memory_order_relaxed);
        return r;
    }
    void wake() noexcept {
        while_open([&] { owner_.wake(owner_); });
    }
    /// By which a backend that can wakes the loop without wake(). Null: none, or no more. What names the descriptor
    /// keeps it from being closed, and from being another's.
    std::shared_ptr<const unique_fd> door() noexcept {
        std::shared_ptr<const unique_fd> found;
        while_open([&] {
            if (*door_) found = door_;
        });
        return found;
    }
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

    // --- The loop's thread

    bool take(loop_message& into) noexcept { return queue_.pop(into); }
    /// From here on nothing is put in. Waits for those who are about to.
    void close() noexcept {
        open_.store(false, std::memory_order_seq_cst);
        while (visitors_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
        door_.reset();
    }

  private:
    template <class F>
    void while_open(F visit) noexcept {
        visitors_.fetch_add(1, std::memory_order_seq_cst);
        if (open_.load(std::memory_order_seq_cst)) visit();
        visitors_.fetch_sub(1, std::memory_order_release);
    }

    bounded_queue<loop_message> queue_;
    box_owner& owner_;
    std::shared_ptr<const unique_fd> door_;
    std::atomic<bool> open_{true};
    std::atomic<std::uint32_t> visitors_{0};
    std::atomic<std::uint64_t> refused_{0};
};

}  // namespace penstock::detail
