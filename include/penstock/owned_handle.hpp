// owned_handle: something open that has no other owner yet, such as a descriptor that came with a message.
#pragma once

#include <penstock/handle.hpp>
#include <penstock/loop.hpp>
#include <penstock/task.hpp>

#include <utility>

namespace penstock {

/// Owns what a handle names: dropping it closes that in the background. Move-only; used on its loop's thread; must end
/// before the loop. adopt() makes a byte stream of it.
class owned_handle {
  public:
    owned_handle() noexcept = default;
    owned_handle(loop& home, handle h) noexcept : home_(&home), handle_(h) {}
    owned_handle(owned_handle&& other) noexcept : home_(other.home_), handle_(other.release()) {}
    owned_handle& operator=(owned_handle&& other) noexcept {
        std::swap(home_, other.home_);
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~owned_handle();

    bool open() const noexcept { return handle_.valid(); }
    handle name() const noexcept { return handle_; }
    /// Whoever asks owns it from now on. On the kernel's backends its number is that of a descriptor.
    handle release() noexcept { return std::exchange(handle_, {}); }
    /// Closes; ends when that is done. close(2).
    task<result<void>> close();

  private:
    loop* home_ = nullptr;
    handle handle_;
};

}  // namespace penstock
