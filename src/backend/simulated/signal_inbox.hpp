// signalfd(2): signals that were raised on the simulated machine, and who watches for them.
#pragma once

#include "backend/simulated/resource.hpp"

#include <vector>

namespace penstock::detail {

class signal_inbox;

/// Pending for the whole program, one of each number; any one of its watchers takes it.
class signal_box {
  public:
    void raise(int number) noexcept;
    bool any_of(std::uint64_t mask) const noexcept { return (pending_ & mask) != 0; }
    /// The lowest of them; there must be one.
    int take(std::uint64_t mask) noexcept;
    void add(signal_inbox& watcher) { watchers_.push_back(&watcher); }
    void remove(const signal_inbox& watcher) noexcept { std::erase(watchers_, &watcher); }

  private:
    std::uint64_t pending_ = 0;  // bit n-1 stands for signal n
    std::vector<signal_inbox*> watchers_;
};

class signal_inbox final : public resource {
  public:
    signal_inbox(simulated_world& in, std::uint64_t mask);
    ~signal_inbox() override;
    signal_inbox(const signal_inbox&) = delete;
    signal_inbox& operator=(const signal_inbox&) = delete;

    std::uint64_t mask() const noexcept { return mask_; }
    bool readable() const noexcept override;
    std::int32_t read(std::span<std::byte> into) noexcept override;

  private:
    std::uint64_t mask_;
};

}  // namespace penstock::detail
