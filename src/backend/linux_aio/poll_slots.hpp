// The control blocks of polls: one per descriptor and direction that is waited for.
#pragma once

#include <linux/aio_abi.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace penstock::detail {

/// What the kernel is to poll, and how far that is. A block is filled once and offered again as it is each time the
/// poll has fired.
struct poll_slot {
    enum class phase : std::uint8_t {
        unused,
        resting,    ///< belongs to a descriptor; the kernel does not know of it
        armed,      ///< in the batch or with the kernel
        abandoned,  ///< its descriptor is closed, its last event is still to come
    };

    ::iocb control;
    std::uint32_t next_unused;
    phase state;

    std::int32_t fd() const noexcept { return static_cast<std::int32_t>(control.aio_fildes); }
};
static_assert(sizeof(poll_slot) <= 100, "an idle connection has one of these");

/// All slots of a backend. Numbers start at 1; addresses stay, since the kernel and io_cancel know polls by them.
class poll_slots {
  public:
    /// \param most how many polls may be armed at once
    explicit poll_slots(std::uint32_t most) : most_(most) {}

    /// A resting slot that will wait for `events` (POLLIN and so on).
    std::uint32_t take(std::int32_t fd, std::uint16_t events);
    void release(std::uint32_t number) noexcept;

    poll_slot& operator[](std::uint32_t number) noexcept {
        return chunks_[(number - 1) / chunk_size][(number - 1) % chunk_size];
    }

    bool may_arm() const noexcept { return armed_ < most_; }
    void note_armed(poll_slot& slot) noexcept {
        slot.state = poll_slot::phase::armed;
        ++armed_;
    }
    void note_back(poll_slot& slot) noexcept {
        slot.state = poll_slot::phase::resting;
        --armed_;
    }
    std::uint32_t armed() const noexcept { return armed_; }

  private:
    static constexpr std::uint32_t chunk_size = 256;
    void grow();

    std::vector<std::unique_ptr<poll_slot[]>> chunks_;
    std::uint32_t first_unused_ = 0;
    std::uint32_t armed_ = 0;
    std::uint32_t most_;
};

}  // namespace penstock::detail
