// The array of poll(2): whom the kernel is asked about, and where in it each descriptor is.
#pragma once

#include "backend/readiness/readiness.hpp"
#include "base/wait_time.hpp"

#include <poll.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace penstock::detail {

/// Holds what somebody waits for and nothing else: each entry costs time at each wait. A direction that was told of
/// leaves its entry, and the adaptor asks again. An entry that is then left with none leaves the array before the next
/// wait, which it would end at once by a hang-up that nobody wants.
///
/// descriptor_state::mechanism[0] is the array's: the place of a descriptor's entry.
class poll_array {
  public:
    static constexpr short read_events = POLLIN | POLLRDHUP;
    static constexpr short write_events = POLLOUT;
    /// Told whether they were asked for or not, for as long as they last.
    static constexpr short failures = POLLERR | POLLHUP | POLLNVAL;
    /// What bits of poll(2) mean. Urgent data makes a read short although more is there, so it counts as an end.
    static readiness readiness_of(long bits) noexcept {
        return {.readable = (bits & POLLIN) != 0,
                .writable = (bits & POLLOUT) != 0,
                .hang_up = (bits & (failures | POLLRDHUP | POLLPRI)) != 0};
    }

    /// `own`: descriptors of the mechanism that are always asked about, for input; none is number 0 of the table.
    poll_array(descriptor_table& descriptors, std::initializer_list<int> own);

    void ask(std::int32_t fd, descriptor_state& state, short events);
    void forget(descriptor_state& state) noexcept;
    bool asks_of_others() const noexcept { return entries_.size() != own_; }

    /// \return as ppoll(2): how many were told of, or negative if it was interrupted, and then nothing is known.
    int wait(const wait_time& limit) noexcept;
    /// Whether one of `own` was told of.
    bool own_told(std::size_t which) const noexcept { return entries_[which].revents != 0; }
    /// Calls `tell(fd, state, readiness)` for each of the others that was told of.
    template <class Tell>
    void tell_of_others(Tell tell) noexcept {
        for (std::size_t at = own_; others_told_ != 0 && at < entries_.size(); ++at) {
            if (entries_[at].revents == 0) continue;
            --others_told_;
            const std::int32_t fd = entries_[at].fd;
            const readiness what = readiness_of(entries_[at].revents);
            take_out(entries_[at], what);
            tell(fd, descriptors_[fd], what);
        }
    }

  private:
    static std::uint32_t& place(descriptor_state& state) noexcept { return state.mechanism[0]; }
    void take_out(::pollfd& entry, const readiness& told);
    int call(const wait_time& limit) noexcept;
    void forget_unwanted() noexcept;
    int call_in_parts(const wait_time& limit) noexcept;

    descriptor_table& descriptors_;
    std::size_t own_;
    int others_told_ = 0;             // by the last call, and not passed on yet
    std::vector<::pollfd> entries_;   // the mechanism's own, then the others
    std::vector<std::int32_t> told_;  // whose entries may ask for nothing
};

}  // namespace penstock::detail
