#include "backend/sigio/sigio.hpp"

#include "backend/readiness/readiness.hpp"
#include "backend/sigio/ready_signal.hpp"
#include "backend/waker.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"
#include "base/wait_time.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

namespace penstock::detail {
namespace {

constexpr std::size_t signals_per_call = 128;

// While signals keep coming, what is polled is asked about in every so many turns, unless it is new or active.
constexpr unsigned most_turns_unasked = 16;

// What an overflow left in the queue is taken out to make room; what comes meanwhile must not keep that up for ever.
constexpr int most_drained_calls = 64;

// The first entries of the array for ppoll: they are always in it.
enum standing_entry : std::uint8_t { signal_entry, waker_entry, standing_entries };

constexpr short read_events = POLLIN | POLLRDHUP;
// Of one that was armed: urgent data makes a read short although more is there, and that it was there is said once.
constexpr short all_read_events = read_events | POLLPRI;
constexpr short end_events = POLLRDHUP | POLLHUP | POLLERR | POLLPRI | POLLNVAL;

// Bits of poll(2), which are also those of si_band.
readiness readiness_of(std::uint32_t bits) noexcept {
    return {.readable = (bits & POLLIN) != 0, .writable = (bits & POLLOUT) != 0, .hang_up = (bits & end_events) != 0};
}

// Of what a descriptor tells by itself nothing is asked, except once after it was armed, for what came before. What
// cannot send signals, or must not since it is shared with other processes, is in the array of ppoll while somebody
// waits for it.
class sigio_backend final : public readiness_backend {
  public:
    sigio_backend(const backend_environment& environment, ready_signal signal, unique_fd signals, waker wake)
        : readiness_backend(environment),
          signal_(std::move(signal)),
          signals_(std::move(signals)),
          waker_(std::move(wake)),
          thread_(::gettid()),
          overflows_seen_(ready_signal::overflows_here()) {
        asked_.push_back({.fd = signals_.get(), .events = POLLIN, .revents = 0});
        asked_.push_back({.fd = waker_.fd(), .events = POLLIN, .revents = 0});
    }

    ~sigio_backend() override {
        end_offload();  // while wake() still works
        for (const std::int32_t fd : armed_) disarm(fd);
        drop_signals();
    }
    sigio_backend(const sigio_backend&) = delete;
    sigio_backend& operator=(const sigio_backend&) = delete;

    std::string_view name() const noexcept override { return "sigio"; }
    void flush() noexcept override {}  // calls are made at once; nothing is collected
    // Not a signal: the queue may be full, and then a signal says nothing any more.
    void wake() noexcept override { waker_.wake(); }

    backend_statistics statistics() const noexcept override {
        backend_statistics s = readiness_backend::statistics();
        s.overflows = overflows_;
        return s;
    }

    std::expected<void, setup_error> set_up_files(const backend_environment& environment) {
        return readiness_backend::set_up_files(environment, waker_.fd());
    }

  protected:
    // Sockets are armed before anything is tried on them: a Unix socket that was full before it was armed sends no
    // signal when it is not any more.
    void opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept override {
        readiness_backend::opened(fd, state, by);
        if (by.kind != op_kind::socket && by.kind != op_kind::accept) return;
        arm(fd, state);
        if (by.kind == op_kind::accept) ask(fd, state, all_read_events);  // bytes may have come before it was armed
    }

    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        const bool known = how(state) != unknown;
        if (!known) {
            if (!state.shared) arm(fd, state);
            if (how(state) == unknown) how(state) = by_poll;
            if (how(state) == by_poll && is_file(fd)) return -EPERM;
        }
        if (!known || how(state) == by_poll || state.asks_each_time) {
            ask(fd, state, side == direction::read ? read_events : short{POLLOUT});
        }
        return 0;
    }

    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override {
        if (place(state) != 0) do_not_ask(place(state));
        if (!is_armed(state)) return;
        if (state.shared) disarm(fd);  // it lives on elsewhere
        const std::uint32_t at = how(state) - 1;
        armed_[at] = armed_.back();
        how(descriptors()[armed_[at]]) = at + 1;
        armed_.pop_back();
    }

    // Of this the kernel tells the peer, and here only who polls.
    void shut_down(std::int32_t fd, descriptor_state& state) noexcept override {
        if (is_armed(state)) ask(fd, state, read_events);
    }

    void collect(time_point now, time_point deadline) noexcept override {
        const bool overflown = overflows_seen_ != ready_signal::overflows_here();  // another loop of this thread met it
        const wait_time limit(now, overflown || anything_to_deliver() ? now : deadline);
        const bool nothing_asked = asked_.size() == standing_entries;
        const bool must_ask = asked_anew_ || (!nothing_asked && turns_unasked_ >= most_turns_unasked);
        std::size_t taken = 0;
        if (!must_ask && (more_expected_ || limit.only_polls())) taken = take_signals();
        if (taken != 0) {
            ++turns_unasked_;
        } else if (!nothing_asked || !limit.only_polls()) {
            poll(limit);
        }
        if (overflows_seen_ != ready_signal::overflows_here()) recover();
    }

  private:
    // --- Per descriptor: the words of descriptor_state that are the mechanism's ---

    /// Not yet known, in need of ppoll, or 1 + its index in armed_.
    static std::uint32_t& how(descriptor_state& state) noexcept { return state.mechanism[0]; }
    static constexpr std::uint32_t unknown = 0;
    static constexpr std::uint32_t by_poll = ~std::uint32_t{0};
    static bool is_armed(descriptor_state& state) noexcept { return how(state) != unknown && how(state) != by_poll; }
    /// Its index in asked_, or 0.
    static std::uint32_t& place(descriptor_state& state) noexcept { return state.mechanism[1]; }

    /// Has a descriptor send signals from now on, if it can.
    void arm(std::int32_t fd, descriptor_state& state) noexcept {
        const ::f_owner_ex owner{.type = F_OWNER_TID, .pid = thread_};
        int on = 1;
        // FIOASYNC and not F_SETFL, which says nothing where a descriptor has no signals to send.
        if (::fcntl(fd, F_SETOWN_EX, &owner) != 0 || ::fcntl(fd, F_SETSIG, signal_.number()) != 0 ||
            ::ioctl(fd, FIOASYNC, &on) != 0) {
            how(state) = by_poll;
            return;
        }
        armed_.push_back(fd);
        how(state) = static_cast<std::uint32_t>(armed_.size());
    }

    static void disarm(std::int32_t fd) noexcept {
        int off = 0;
        const ::f_owner_ex nobody{.type = F_OWNER_TID, .pid = 0};
        ::ioctl(fd, FIOASYNC, &off);
        ::fcntl(fd, F_SETSIG, 0);
        ::fcntl(fd, F_SETOWN_EX, &nobody);
    }

    static bool is_file(std::int32_t fd) noexcept {
        struct ::stat status{};
        return ::fstat(fd, &status) == 0 &&
               (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode) || S_ISDIR(status.st_mode));
    }

    // --- Asking by ppoll ---

    void ask(std::int32_t fd, descriptor_state& state, short events) noexcept {
        if (place(state) == 0) {
            place(state) = static_cast<std::uint32_t>(asked_.size());
            asked_.push_back({.fd = fd, .events = 0, .revents = 0});
        }
        ::pollfd& entry = asked_[place(state)];
        entry.events = static_cast<short>(entry.events | events);
        asked_anew_ = true;
    }

    void do_not_ask(std::uint32_t at) noexcept {
        place(descriptors()[asked_[at].fd]) = 0;
        if (at + 1 != asked_.size()) {
            asked_[at] = asked_.back();
            place(descriptors()[asked_[at].fd]) = at;
        }
        asked_.pop_back();
    }

    void poll(const wait_time& limit) noexcept {
        ++enters_;
        const int count = ::ppoll(asked_.data(), asked_.size(), limit.relative(), nullptr);
        if (count < 0) return;  // interrupted: all is asked again
        asked_anew_ = false;
        turns_unasked_ = 0;
        if (asked_[waker_entry].revents != 0) waker_.clear();
        const bool signalled = asked_[signal_entry].revents != 0;
        if (asked_.size() != standing_entries) take_answers();
        if (signalled) take_signals();
    }

    // What is ready is not asked again until somebody waits anew; what sends signals was asked this once.
    void take_answers() noexcept {
        for (auto at = static_cast<std::uint32_t>(asked_.size()); at-- > standing_entries;) {
            ::pollfd& entry = asked_[at];
            descriptor_state& state = descriptors()[entry.fd];
            if (entry.revents != 0) {
                answers_.push_back({entry.fd, state.generation, static_cast<std::uint16_t>(entry.revents)});
            }
            if ((entry.revents & (POLLIN | end_events)) != 0) entry.events &= static_cast<short>(~all_read_events);
            if ((entry.revents & (POLLOUT | end_events)) != 0) entry.events &= static_cast<short>(~POLLOUT);
            if (entry.events == 0 || is_armed(state)) do_not_ask(at);
        }
        for (const answer& a : answers_) on_ready(a.fd, a.generation, readiness_of(a.bits));
        answers_.clear();
    }

    // --- Signals ---

    std::size_t read_signals() noexcept {
        const ::ssize_t size = ::read(signals_.get(), queue_.data(), sizeof queue_);
        return size <= 0 ? 0 : static_cast<std::size_t>(size) / sizeof queue_[0];
    }

    std::size_t take_signals() noexcept {
        ++enters_;
        const std::size_t count = read_signals();
        more_expected_ = count > 1;
        for (std::size_t i = 0; i < count; ++i) heed(queue_[i]);
        return count;
    }

    /// For the end: leaves nothing that would be delivered as soon as it is not blocked any more.
    void drop_signals() noexcept {
        while (const std::size_t count = read_signals()) {
            for (std::size_t i = 0; i < count; ++i) note_overflow(queue_[i]);
        }
    }

    static bool note_overflow(const ::signalfd_siginfo& signal) noexcept {
        if (signal.ssi_signo != SIGIO) return false;
        ready_signal::note_overflow();
        return true;
    }

    // The queue outlives a close, so this may be about what the number meant before: it is a hint, no more. A try on a
    // socket of our own that finds nothing does no harm, unless it is the end of a connect, which is not tried twice.
    void heed(const ::signalfd_siginfo& signal) noexcept {
        if (note_overflow(signal) || signal.ssi_code <= 0) return;  // or it was sent by somebody
        const std::int32_t fd = signal.ssi_fd;
        if (fd < 0) return;
        descriptor_state& state = descriptors()[fd];
        if (!is_armed(state)) return;
        const operation* const writer = state.at(direction::write);
        if (writer != nullptr && writer->kind == op_kind::connect) {
            ask(fd, state, all_read_events | POLLOUT);
            return;
        }
        const readiness what = readiness_of(signal.ssi_band);
        // The end of a stream looks like bytes. When a second signal finds the first unheeded, it may be that.
        state.hung_up |= what.readable && state.may_read;
        on_ready(fd, state.generation, what);
    }

    /// The queue of signals was full and something was not said: makes room, then asks every descriptor once.
    void recover() noexcept {
        overflows_seen_ = ready_signal::overflows_here();
        ++overflows_;
        for (int calls = 0; calls < most_drained_calls && take_signals() != 0; ++calls) {
        }
        for (const std::int32_t fd : armed_) {
            descriptor_state& state = descriptors()[fd];
            const bool wants_write = state.at(direction::write) != nullptr;
            ask(fd, state, wants_write ? all_read_events | POLLOUT : all_read_events);
        }
        poll(wait_time(time_point::min(), time_point::min()));
    }

    struct answer {
        std::int32_t fd;
        std::uint32_t generation;
        std::uint16_t bits;
    };

    ready_signal signal_;  // ends last: what it blocks must not be there any more
    unique_fd signals_;    // a signalfd
    waker waker_;
    const ::pid_t thread_;
    std::vector<std::int32_t> armed_;
    std::vector<::pollfd> asked_;  // the standing entries, then who is to be asked
    std::vector<answer> answers_;
    bool asked_anew_ = false;     // somebody joined asked_ since the last ppoll
    bool more_expected_ = false;  // several signals came last time: it is worth looking before sleeping
    unsigned turns_unasked_ = 0;
    std::uint64_t overflows_seen_;
    std::uint64_t overflows_ = 0;
    std::array<::signalfd_siginfo, signals_per_call> queue_;
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_sigio(const backend_environment& environment) {
    auto signal = ready_signal::take(environment.options.ready_signal);
    if (!signal) return std::unexpected(std::move(signal.error()));
    const ::sigset_t both = signal->both();
    unique_fd signals(::signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return std::unexpected(setup_failure("signalfd", errno));
    auto wake = waker::create();
    if (!wake) return std::unexpected(wake.error());
    auto made = std::make_unique<sigio_backend>(environment, std::move(*signal), std::move(signals), std::move(*wake));
    if (auto files = made->set_up_files(environment); !files) return std::unexpected(std::move(files.error()));
    return made;
}

}  // namespace penstock::detail
