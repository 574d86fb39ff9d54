#include "backend/poll/poll.hpp"

#include "backend/readiness/readiness.hpp"
#include "backend/waker.hpp"
#include "base/setup.hpp"
#include "base/wait_time.hpp"

#include <poll.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace penstock::detail {
namespace {

constexpr short read_events = POLLIN | POLLRDHUP;
constexpr short write_events = POLLOUT;
// Told whether they were asked for or not, for as long as they last.
constexpr short failures = POLLERR | POLLHUP | POLLNVAL;
constexpr ::timespec at_once{};

// The array holds what somebody waits for and nothing else: each entry costs time at each wait. A direction that was
// told of leaves its entry, and the adaptor asks again. An entry that is then left with none leaves the array before
// the next wait, which it would end at once by a hang-up that nobody wants.
class poll_backend final : public readiness_backend {
  public:
    poll_backend(const backend_environment& environment, waker wake)
        : readiness_backend(environment), waker_(std::move(wake)) {
        entries_.push_back({.fd = waker_.fd(), .events = POLLIN, .revents = 0});
    }
    ~poll_backend() override { end_offload(); }  // while wake() still works
    poll_backend(const poll_backend&) = delete;
    poll_backend& operator=(const poll_backend&) = delete;

    std::string_view name() const noexcept override { return "poll"; }
    void flush() noexcept override {}  // the array is handed over by the wait itself
    void wake() noexcept override { waker_.wake(); }

    std::expected<void, setup_error> set_up(const backend_environment& environment) {
        if (::ppoll(entries_.data(), 1, &at_once, nullptr) < 0 && errno != EINTR)
            return std::unexpected(setup_failure("ppoll", errno));
        return set_up_files(environment, waker_.fd());
    }

  protected:
    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        if (slot(state) == 0) {
            slot(state) = static_cast<std::uint32_t>(entries_.size());
            entries_.push_back({.fd = fd, .events = 0, .revents = 0});
        }
        entries_[slot(state)].events |= side == direction::write ? write_events : wanted_to_read(state);
        return 0;
    }

    void unwatch(std::int32_t, descriptor_state& state) noexcept override {
        if (slot(state) != 0) remove(slot(state));
    }

    void collect(time_point now, time_point deadline) noexcept override {
        remove_unwanted();
        ++enters_;
        int left = ask(wait_time(now, deadline));
        if (left > 0 && entries_[0].revents != 0) {
            waker_.clear();
            --left;
        }
        for (std::size_t i = 1; left > 0 && i < entries_.size(); ++i) {
            if (entries_[i].revents == 0) continue;
            --left;
            dispatch(entries_[i]);
        }
    }

  private:
    // Where its entry is; none is at 0, where the waker's is.
    static std::uint32_t& slot(descriptor_state& state) noexcept { return state.mechanism[0]; }
    // Urgent data lasts until it is read past. It is told of once, or a peer that announces some and sends none would
    // keep the loop busy.
    static std::uint32_t& urgent_told(descriptor_state& state) noexcept { return state.mechanism[1]; }

    static short wanted_to_read(descriptor_state& state) noexcept {
        return urgent_told(state) != 0 ? read_events : static_cast<short>(read_events | POLLPRI);
    }

    void remove(std::size_t at) noexcept {
        slot(descriptors()[entries_[at].fd]) = 0;
        if (at + 1 != entries_.size()) {
            entries_[at] = entries_.back();
            slot(descriptors()[entries_[at].fd]) = static_cast<std::uint32_t>(at);
        }
        entries_.pop_back();
    }

    void remove_unwanted() noexcept {
        for (const std::int32_t fd : told_) {
            const std::uint32_t at = slot(descriptors()[fd]);
            if (at != 0 && entries_[at].events == 0) remove(at);  // nobody has asked again
        }
        told_.clear();
    }

    void dispatch(::pollfd& entry) noexcept {
        const auto [fd, wanted, told] = entry;
        descriptor_state& state = descriptors()[fd];
        const readiness what{.readable = (told & (POLLIN | POLLPRI)) != 0,
                             .writable = (told & POLLOUT) != 0,
                             .hang_up = (told & (failures | POLLRDHUP)) != 0};
        short rest = what.hang_up ? short{0} : wanted;
        if (what.readable) rest &= static_cast<short>(~(read_events | POLLPRI));
        if (what.writable) rest &= static_cast<short>(~write_events);
        entry.events = rest;
        if (rest == 0) told_.push_back(fd);
        if (what.readable) urgent_told(state) = (told & POLLPRI) != 0 ? 1 : 0;
        on_ready(fd, state.generation, what);
    }

    int ask(const wait_time& limit) noexcept {
        const int count = ::ppoll(entries_.data(), entries_.size(), limit.relative(), nullptr);
        return count >= 0 || errno != EINVAL ? count : ask_in_parts(limit);
    }

    // The kernel takes at most as many as the process may open, and that limit was lowered below what is open.
    int ask_in_parts(const wait_time& limit) noexcept {
        ::rlimit descriptors{};
        ::getrlimit(RLIMIT_NOFILE, &descriptors);
        const auto most = std::max<std::size_t>(descriptors.rlim_cur, 1);
        int count = 0;
        for (std::size_t at = 0; at < entries_.size(); at += most) {
            const std::size_t size = std::min(most, entries_.size() - at);
            count += std::max(::ppoll(&entries_[at], size, &at_once, nullptr), 0);
        }
        constexpr ::timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};  // or it would spin
        if (count == 0 && !limit.only_polls()) count = std::max(::ppoll(entries_.data(), 1, &pause, nullptr), 0);
        return count;
    }

    waker waker_;
    std::vector<::pollfd> entries_;
    std::vector<std::int32_t> told_;  // whose entries may ask for nothing
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_poll(const backend_environment& environment) {
    auto wake = waker::create();
    if (!wake) return std::unexpected(wake.error());
    auto made = std::make_unique<poll_backend>(environment, std::move(*wake));
    if (auto done = made->set_up(environment); !done) return std::unexpected(std::move(done.error()));
    return made;
}

}  // namespace penstock::detail
