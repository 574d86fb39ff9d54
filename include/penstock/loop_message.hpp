// What loops tell each other, and where it is sent.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

namespace penstock {

/// Two words whose meaning is the program's.
struct loop_message {
    std::uint64_t type = 0;
    std::uint64_t value = 0;
    friend bool operator==(const loop_message&, const loop_message&) = default;
};

namespace detail {
class message_box;
}

/// Where messages for a loop are sent: loop::address(). May be copied and used on any thread, and may outlive the loop,
/// which then takes no more. A default one names no loop.
class loop_address {
  public:
    loop_address() noexcept = default;
    explicit loop_address(std::shared_ptr<detail::message_box> box) noexcept : box_(std::move(box)) {}
    bool valid() const noexcept { return box_ != nullptr; }
    const std::shared_ptr<detail::message_box>& box() const noexcept { return box_; }

  private:
    std::shared_ptr<detail::message_box> box_;
};

}  // namespace penstock
