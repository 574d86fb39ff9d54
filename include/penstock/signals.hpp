// Signals as something to await, instead of handlers that may do next to nothing.
#pragma once

#include <penstock/detail/stream_record.hpp>
#include <penstock/signal_set.hpp>
#include <penstock/task.hpp>

#include <cstdint>
#include <utility>

namespace penstock {

/// A signal that came; fields as of sigaction(2). Which of them mean something depends on the signal and its sender.
struct signal_info {
    int number = 0;
    int code = 0;                   ///< si_code: SI_USER, SI_QUEUE, CLD_EXITED, ...
    std::int32_t sender = 0;        ///< process of the sender; of SIGCHLD, the child
    std::uint32_t sender_user = 0;  ///< real user of the sender
    std::int32_t value = 0;         ///< what sigqueue(3) sent along
    std::int32_t status = 0;        ///< of SIGCHLD: exit status, or the signal that ended the child
};

/// Blocks the signals in the calling thread and in those it will start: call it at the top of main(), before any
/// thread is there (runtime_options::signals does it for a runtime), or the signals take their default action in
/// a thread that has not blocked them. They stay blocked, in programs that this one executes too. pthread_sigmask(3).
/// Errors: invalid_argument for a number that is no signal's, or that can't be blocked (SIGKILL, SIGSTOP).
result<void> block_signals(signal_set which) noexcept;

/// Signals that are collected. Move-only; used on its loop's thread; must end before the loop. Signals that came and
/// were not asked for stay pending in the process when it ends.
class signals {
  public:
    signals() noexcept = default;
    signals(signals&& other) noexcept
        : record_(std::exchange(other.record_, nullptr)), unread_(std::move(other.unread_)) {}
    signals& operator=(signals&& other) noexcept {
        std::swap(record_, other.record_);
        std::swap(unread_, other.unread_);
        return *this;
    }
    ~signals() {
        if (record_ != nullptr) record_->close(nullptr);
    }

    bool open() const noexcept { return record_ != nullptr; }

    /// The next signal. The kernel keeps one of each number that was sent with kill(2) (two at once are one), and all
    /// that were sent with sigqueue(3). One call at a time. Errors: operation_canceled (nothing is lost).
    task<result<signal_info>> next();

    /// Ends a next() that waits, and what is behind it. Signals stay blocked.
    detail::close_awaiter close() noexcept {
        unread_.reset();
        return detail::close_awaiter(std::exchange(record_, nullptr));
    }

    explicit signals(detail::stream_record& record) noexcept : record_(&record) {}

  private:
    detail::stream_record* record_ = nullptr;
    lease unread_;
};

/// Collects `which` from now on, by signalfd(2). They must be blocked in every thread (block_signals()). Of several
/// watchers of one signal in a process, any one gets it; by convention signals belong to loop 0 of a runtime. Where
/// the backend reads on another thread (`threads`), signals directed at one thread (pthread_kill) are not seen, only
/// those directed at the process (kill, sigqueue, the terminal, the kernel), which is how signals are sent to daemons.
/// Errors: errc::signals_not_blocked, invalid_argument (not a signal, or one that the backend itself uses; buffers of
/// less than 128 bytes), signalfd(2).
task<result<signals>> watch_signals(signal_set which);

}  // namespace penstock
