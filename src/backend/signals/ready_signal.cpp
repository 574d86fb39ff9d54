#include "backend/signals/ready_signal.hpp"

#include <pthread.h>

#include <array>
#include <bitset>
#include <cerrno>
#include <string>
#include <utility>

namespace penstock::detail {
namespace {

// What the loops of one thread share.
struct thread_share {
    std::bitset<_NSIG> taken;  // signals that belong to a loop
    unsigned loops = 0;
    bool overflow_was_blocked = false;
    std::uint64_t overflows = 0;
};
thread_local constinit thread_share here;

// A signal is never handled, it is read. But a child that was forked keeps descriptors open and these go on sending,
// also when the loop has ended, and what both signals do by default is to end the process.
extern "C" void penstock_disregard_signal(int) {}

enum class use : std::uint8_t { none, ours, theirs };

use use_of(int number) noexcept {
    struct ::sigaction present{};
    if (::sigaction(number, nullptr, &present) != 0 || (present.sa_flags & SA_SIGINFO) != 0) return use::theirs;
    if (present.sa_handler == penstock_disregard_signal) return use::ours;
    return present.sa_handler == SIG_DFL || present.sa_handler == SIG_IGN ? use::none : use::theirs;
}

bool make_harmless(int number) noexcept {
    struct ::sigaction harmless{};
    harmless.sa_handler = penstock_disregard_signal;
    ::sigemptyset(&harmless.sa_mask);
    harmless.sa_flags = SA_RESTART;
    return ::sigaction(number, &harmless, nullptr) == 0;
}

// \return whether it was blocked before.
bool change_mask(int how, int number) noexcept {
    ::sigset_t set;
    ::sigset_t before;
    ::sigemptyset(&set);
    ::sigaddset(&set, number);
    ::pthread_sigmask(how, &set, &before);
    return ::sigismember(&before, number) == 1;
}

// Blocked and without a handler: somebody waits for it as we do.
bool is_free(int number) noexcept {
    if (here.taken[static_cast<std::size_t>(number)]) return false;
    const use present = use_of(number);
    ::sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    return present == use::ours || (present == use::none && ::sigismember(&blocked, number) == 0);
}

int choose() noexcept {
    for (int number = SIGRTMIN; number <= SIGRTMAX; ++number) {
        if (is_free(number)) return number;
    }
    return 0;
}

std::unexpected<setup_error> refused(std::errc code, std::string why) {
    return std::unexpected(setup_error{std::make_error_code(code), std::move(why)});
}

}  // namespace

std::expected<ready_signal, setup_error> ready_signal::take(int wanted) {
    constexpr auto busy = std::errc::device_or_resource_busy;
    const std::string option = " (backend_options::ready_signal)";
    const std::string name = "signal " + std::to_string(wanted);
    if (use_of(SIGIO) == use::theirs) {
        return refused(busy,
                       "the program has a handler for SIGIO, by which the kernel says that its queue of signals is "
                       "full; remove it, or choose another backend");
    }
    if (wanted != 0 && (wanted < SIGRTMIN || wanted > SIGRTMAX)) {
        return refused(std::errc::invalid_argument, name + " is no real-time signal; choose one of " +
                                                        std::to_string(SIGRTMIN) + " to " + std::to_string(SIGRTMAX) +
                                                        option);
    }
    if (wanted != 0 && (here.taken[static_cast<std::size_t>(wanted)] || use_of(wanted) == use::theirs)) {
        return refused(busy, name +
                                 " is used by the program or by another loop of this thread; choose another, or 0 for "
                                 "the first that is free" +
                                 option);
    }
    const int number = wanted != 0 ? wanted : choose();
    if (number == 0 || !make_harmless(number) || !make_harmless(SIGIO)) {
        return refused(busy, "the program uses all real-time signals; leave one to the loop" + option);
    }
    return ready_signal(number);
}

ready_signal::ready_signal(int number) noexcept : number_(number), was_blocked_(change_mask(SIG_BLOCK, number)) {
    here.taken.set(static_cast<std::size_t>(number));
    const bool overflow_was_blocked = change_mask(SIG_BLOCK, SIGIO);
    if (here.loops++ == 0) here.overflow_was_blocked = overflow_was_blocked;
}

ready_signal::ready_signal(ready_signal&& other) noexcept
    : number_(std::exchange(other.number_, 0)), was_blocked_(other.was_blocked_) {}

ready_signal::~ready_signal() {
    if (number_ == 0) return;
    here.taken.reset(static_cast<std::size_t>(number_));
    if (!was_blocked_) change_mask(SIG_UNBLOCK, number_);
    if (--here.loops == 0 && !here.overflow_was_blocked) change_mask(SIG_UNBLOCK, SIGIO);
}

std::string_view ready_signal::text() const {
    static const auto texts = [] {
        std::array<std::string, _NSIG> all;
        for (std::size_t n = 0; n < all.size(); ++n) all[n] = "told by signal " + std::to_string(n);
        return all;
    }();
    return texts[static_cast<std::size_t>(number_)];
}

::sigset_t ready_signal::both() const noexcept {
    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, number_);
    ::sigaddset(&set, SIGIO);
    return set;
}

std::uint64_t ready_signal::overflows_here() noexcept { return here.overflows; }
void ready_signal::note_overflow() noexcept { ++here.overflows; }

}  // namespace penstock::detail
