#include "backend/sigio/sigio.hpp"

#include "backend/readiness/make_mechanism.hpp"
#include "backend/readiness/poll_array.hpp"
#include "backend/signals/ready_signal.hpp"
#include "base/setup.hpp"
#include "base/unique_fd.hpp"
#include "base/wait_time.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace penstock::detail {
namespace {

// Few, so that what a connection needs for its receive is still in the processor's caches when it sends.
constexpr std::size_t signals_per_call = 32;

// While signals keep coming, what is polled is asked about in every so many turns, unless it is new or active.
constexpr unsigned most_turns_unasked = 16;

// What an overflow left in the queue is taken out to make room; what comes meanwhile must not keep that up for ever.
constexpr int most_drained_calls = 256;

// The array's own entries.
enum own_entry : std::uint8_t { signal_entry, waker_entry };

// Urgent data makes a read short although more is there, and that it was there is said once.
constexpr short all_read_events = poll_array::read_events | POLLPRI;

/// Sockets of ours are armed when they are opened: from then on each sends a signal when something has changed. What
/// cannot send signals, or must not since it is shared with other processes, is in the array of ppoll while somebody
/// waits for it. What ends a sleep from another thread is no signal, since their queue may be full.
class sigio_backend : public readiness_backend {
  public:
    sigio_backend(const backend_environment& environment, waker wake, ready_signal signal, unique_fd signals)
        : readiness_backend(environment, std::move(wake)),
          signal_(std::move(signal)),
          signals_(std::move(signals)),
          thread_(::gettid()),
          array_(descriptors(), {signals_.get(), waker_.fd()}),
          overflows_seen_(ready_signal::overflows_here()) {
        mutable_capabilities()[op_kind::receive].why = signal_.text();  // which one it took is nowhere else to be seen
    }

    ~sigio_backend() override {
        for_each_armed([](std::int32_t fd, const descriptor_state&) { disarm(fd); });
        while (take_signals() != 0) {  // or they would be delivered as soon as they are not blocked any more
        }
    }
    sigio_backend(const sigio_backend&) = delete;
    sigio_backend& operator=(const sigio_backend&) = delete;

    std::string_view name() const noexcept override { return "sigio"; }

  protected:
    // Before anything is tried on it: a Unix socket that was full before it was armed sends no signal when it is not
    // any more.
    void opened(std::int32_t fd, descriptor_state& state, const operation& by) noexcept override {
        readiness_backend::opened(fd, state, by);
        // What was ours and is adopted is asked each time, since others may take what a signal was about.
        if (by.kind == op_kind::adopt && std::exchange(is_armed(state), 0) != 0) disarm(fd);
        if (by.kind != op_kind::socket && by.kind != op_kind::accept) return;
        is_armed(state) = arm(fd) ? 1 : 0;
        // What came before that has sent no signal, be it bytes or the end.
        if (by.kind == op_kind::accept) state.may_read = state.hung_up = true;
    }

    std::int32_t watch(std::int32_t fd, descriptor_state& state, direction side) noexcept override {
        const short events = side == direction::write ? poll_array::write_events : poll_array::read_events;
        if (is_armed(state) == 0) ask(fd, state, events);
        return 0;
    }

    void unwatch(std::int32_t fd, descriptor_state& state) noexcept override {
        array_.forget(state);
        if (is_armed(state) != 0 && state.shared) disarm(fd);  // it lives on elsewhere
    }

    // Of this the kernel tells the peer, and here only who polls.
    void shut_down(std::int32_t fd, descriptor_state& state) noexcept override {
        if (is_armed(state) != 0) ask(fd, state, poll_array::read_events);
    }

    void collect(time_point now, time_point deadline) noexcept override {
        const bool overflown = overflows_seen_ != ready_signal::overflows_here();  // another loop of this thread met it
        const wait_time limit(now, overflown || anything_to_deliver() ? now : deadline);
        const bool must_ask = asked_anew_ || (array_.asks_of_others() && turns_unasked_ >= most_turns_unasked);
        const bool look_first = !must_ask && (more_expected_ || limit.only_polls());
        if (look_first && take_signals() != 0) {
            ++turns_unasked_;
        } else if (array_.asks_of_others() || !limit.only_polls()) {
            poll(limit);
        }
        if (overflows_seen_ != ready_signal::overflows_here()) recover();
    }

  private:
    static std::uint32_t& is_armed(descriptor_state& state) noexcept { return state.mechanism[1]; }  // [0]: the array's

    template <class Visit>
    void for_each_armed(Visit visit) {
        descriptors().for_each([&](std::int32_t fd, descriptor_state& state) {
            if (is_armed(state) != 0) visit(fd, state);
        });
    }

    /// Has a descriptor send signals from now on. \return false if it cannot.
    bool arm(std::int32_t fd) const noexcept {
        const ::f_owner_ex owner{.type = F_OWNER_TID, .pid = thread_};
        int on = 1;
        // FIOASYNC and not F_SETFL, which says nothing where a descriptor has no signals to send.
        return ::fcntl(fd, F_SETOWN_EX, &owner) == 0 && ::fcntl(fd, F_SETSIG, signal_.number()) == 0 &&
               ::ioctl(fd, FIOASYNC, &on) == 0;
    }

    static void disarm(std::int32_t fd) noexcept {
        int off = 0;
        const ::f_owner_ex nobody{.type = F_OWNER_TID, .pid = 0};
        ::ioctl(fd, FIOASYNC, &off);
        ::fcntl(fd, F_SETSIG, 0);
        ::fcntl(fd, F_SETOWN_EX, &nobody);
    }

    // --- Asking by ppoll ---

    void ask(std::int32_t fd, descriptor_state& state, short events) {
        array_.ask(fd, state, events);
        asked_anew_ = true;
        if (is_armed(state) != 0) asked_once_.push_back(fd);
    }

    void poll(const wait_time& limit) noexcept {
        ++counted_.enters;
        if (array_.wait(limit) < 0) return;  // interrupted: all is asked again
        asked_anew_ = false;
        turns_unasked_ = 0;
        if (array_.own_told(waker_entry)) waker_.clear();
        array_.tell_of_others([this](std::int32_t fd, const descriptor_state& state, const readiness& what) {
            on_ready(fd, state.generation, what);
        });
        for (const std::int32_t fd : asked_once_) {
            if (is_armed(descriptors()[fd]) != 0) array_.forget(descriptors()[fd]);
        }
        asked_once_.clear();
        if (array_.own_told(signal_entry)) take_signals();
    }

    // --- Signals ---

    std::size_t take_signals() noexcept {
        ++counted_.enters;
        const ::ssize_t size = ::read(signals_.get(), queue_.data(), sizeof queue_);
        const std::size_t count = size <= 0 ? 0 : static_cast<std::size_t>(size) / sizeof queue_[0];
        more_expected_ = count > 1;
        for (std::size_t i = 0; i < count; ++i) heed(queue_[i]);
        return count;
    }

    // The queue outlives a close, so this may be about what the number meant before: it is a hint, no more. A try on a
    // socket of our own that finds nothing does no harm, unless it is the end of a connect, which is not tried twice.
    void heed(const ::signalfd_siginfo& signal) noexcept {
        if (signal.ssi_signo == SIGIO) return ready_signal::note_overflow();
        const std::int32_t fd = signal.ssi_fd;
        if (signal.ssi_code <= 0 || fd < 0) return;  // it was sent by somebody
        descriptor_state& state = descriptors()[fd];
        if (is_armed(state) == 0) return;
        const operation* const writer = state.at(direction::write);
        if (writer != nullptr && writer->kind == op_kind::connect) {
            ask(fd, state, all_read_events | poll_array::write_events);
            return;
        }
        const readiness what = poll_array::readiness_of(signal.ssi_band);
        // The end of a stream looks like bytes. When a second signal finds the first unheeded, it may be that.
        state.hung_up |= what.readable && state.may_read;
        on_ready(fd, state.generation, what);
    }

    /// The queue of signals was full and something was not said: makes room, then asks every descriptor once.
    void recover() noexcept {
        overflows_seen_ = ready_signal::overflows_here();
        ++counted_.overflows;
        for (int calls = 0; calls < most_drained_calls && take_signals() != 0; ++calls) {
        }
        for_each_armed([this](std::int32_t fd, descriptor_state& state) {
            const bool wants_write = state.at(direction::write) != nullptr;
            ask(fd, state, wants_write ? all_read_events | poll_array::write_events : all_read_events);
        });
        poll(wait_time(time_point::min(), time_point::min()));
    }

    ready_signal signal_;  // ends last: what it blocks must not be there any more
    unique_fd signals_;    // a signalfd
    const ::pid_t thread_;
    poll_array array_;
    std::vector<std::int32_t> asked_once_;  // of those that send signals
    bool asked_anew_ = false;               // somebody was asked about since the last ppoll
    bool more_expected_ = false;            // several signals came last time: it is worth looking before sleeping
    unsigned turns_unasked_ = 0;
    std::uint64_t overflows_seen_;
    std::array<::signalfd_siginfo, signals_per_call> queue_;
};

}  // namespace

std::expected<std::unique_ptr<backend>, setup_error> create_sigio(const backend_environment& environment) {
    auto signal = ready_signal::take(environment.options.ready_signal);
    if (!signal) return std::unexpected(std::move(signal.error()));
    const ::sigset_t both = signal->both();
    unique_fd signals(::signalfd(-1, &both, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return std::unexpected(setup_failure("signalfd", errno));
    return make_mechanism<sigio_backend>(environment, std::move(*signal), std::move(signals));
}

}  // namespace penstock::detail
