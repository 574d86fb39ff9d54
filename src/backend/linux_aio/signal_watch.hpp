// A signal descriptor tells each thread of its own signals. When its wake-up meets a busy instance, the kernel has a
// worker of its own look, which finds none and drops the wake-up. That is rare, but it could be the one SIGTERM: so
// while somebody waits for signals, the loop asks a few times a second whether some are pending.
#pragma once

#include <penstock/time.hpp>

#include <cstdint>
#include <vector>

namespace penstock::detail {

class signal_watch {
  public:
    /// `mask` as in signals_op.
    void add(std::int32_t fd, std::uint64_t mask) { descriptors_.push_back({fd, mask}); }
    void remove(std::int32_t fd) noexcept {
        std::erase_if(descriptors_, [fd](const entry& e) { return e.fd == fd; });
    }
    bool empty() const noexcept { return descriptors_.empty(); }

    /// When it is time to ask, calls `found(fd)` for each descriptor that has something to tell.
    template <class Found>
    void ask_if_due(time_point now, Found found) noexcept {
        if (empty() || now < next_) return;
        next_ = now + interval;
        const std::uint64_t pending = pending_signals();
        if (pending == 0) return;
        for (const entry& e : descriptors_) {
            if ((e.mask & pending) != 0) found(e.fd);
        }
    }

    /// How long a wait may last.
    time_point limit(time_point deadline) const noexcept { return empty() || deadline < next_ ? deadline : next_; }

    /// Whether a descriptor that somebody else made is one of this kind.
    static bool is_signal_descriptor(std::int32_t fd);
    /// What such a one may be for: anything but SIGPIPE, which loops keep blocked and pending on their own account.
    static std::uint64_t any_signal() noexcept;

  private:
    struct entry {
        std::int32_t fd;
        std::uint64_t mask;
    };
    static constexpr duration interval = std::chrono::milliseconds(200);
    static std::uint64_t pending_signals() noexcept;

    std::vector<entry> descriptors_;
    time_point next_{};
};

}  // namespace penstock::detail
