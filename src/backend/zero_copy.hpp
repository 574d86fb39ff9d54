// Whether a send is worth the trouble of not copying it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace penstock::detail {

/// As explain() names it.
inline constexpr std::string_view zero_copy_feature = "zero-copy send";

/// Sends from a size on go without copying, for as long as the kernel says that most of them really were not copied.
/// It cannot be known beforehand: that is a matter of the card behind the route. When they are copied, plain sends take
/// their place for a while, since then the notification is a cost without a gain.
class zero_copy {
  public:
    static constexpr std::uint32_t trial = 16;    ///< notifications that are judged together
    static constexpr std::uint32_t pause = 1024;  ///< sends that go plainly after a bad trial

    /// 0: never.
    void set_threshold(std::size_t bytes) noexcept { threshold_ = bytes == 0 ? SIZE_MAX : bytes; }
    std::size_t threshold() const noexcept { return threshold_; }

    bool wants(std::size_t bytes) noexcept {
        if (bytes < threshold_) return false;
        if (paused_ == 0) return true;
        --paused_;
        return false;
    }

    /// Whether plain sends take their place now.
    bool paused() const noexcept { return paused_ != 0; }

    /// The kernel has let go of the memory of so many.
    void told(bool copied, std::uint32_t sends = 1) noexcept {
        sent_ += sends;
        copied_ += copied ? sends : 0U;
        judge(copied, sends);
    }
    /// The kernel did not do one, so that it has to be copied.
    void refused() noexcept { judge(true, 1); }

    std::uint64_t sent() const noexcept { return sent_; }
    std::uint64_t copied() const noexcept { return copied_; }

  private:
    void judge(bool copied, std::uint32_t sends) noexcept {
        copied_in_trial_ += copied ? sends : 0U;
        in_trial_ += sends;
        if (in_trial_ < trial) return;
        if (copied_in_trial_ > in_trial_ / 2) paused_ = pause;
        in_trial_ = 0;
        copied_in_trial_ = 0;
    }

    std::size_t threshold_ = SIZE_MAX;
    std::uint32_t paused_ = 0;
    std::uint32_t in_trial_ = 0;
    std::uint32_t copied_in_trial_ = 0;
    std::uint64_t sent_ = 0;
    std::uint64_t copied_ = 0;
};

}  // namespace penstock::detail
