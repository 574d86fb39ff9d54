// The threads that block. Each carries out one operation at a time and can be made to leave it.
#pragma once

#include "backend/threads/blocked_call.hpp"
#include "backend/threads/doorbell.hpp"
#include "base/mailbox.hpp"
#include <penstock/time.hpp>

#include <pthread.h>

#include <memory>
#include <vector>

namespace penstock::detail {

/// Grows on demand up to a bound, and keeps its threads. All entries are for the loop's thread.
///
/// How a blocked call is left. A signal interrupts a system call only if it arrives while the thread is
/// inside; one that arrives between the look at `cancelled` and the call is lost. So interrupt() sets the
/// flag, sends the signal, and remembers the worker until its outcome is collected; until then the signal is
/// sent again, first after 0.2 ms, then less and less often, at most 5 ms apart. The loop's thread does that
/// from its wait, so nobody spins and no thread exists for it.
class blocked_pool {
  public:
    /// What came of an operation.
    struct outcome {
        operation* op;
        std::int32_t result;
        handle accepted;
        bool cancelled;  ///< interrupt() was called, whether or not it came in time
    };

    blocked_pool(unsigned most_threads, doorbell& bell);
    /// Ends and joins the threads; no operation may be under way.
    ~blocked_pool();
    blocked_pool(const blocked_pool&) = delete;
    blocked_pool& operator=(const blocked_pool&) = delete;

    /// Starts one more thread, idle. \return 0, or a negative error. `-EBUSY`: the bound is reached.
    std::int32_t add_thread() noexcept;

    /// Gives the operation to a thread. \return 0, or why there is none.
    std::int32_t start(operation& op, std::span<std::byte> memory) noexcept;
    /// Takes an operation back that its thread has not begun. \return whether that was so.
    bool withdraw(operation& op) noexcept;
    /// Makes the operation's thread leave its system call. Harmless if it has left it, and if called again.
    void interrupt(operation& op) noexcept;

    /// Sends again what was not answered, if it is time.
    void repeat_interrupts(time_point now) noexcept;
    /// When repeat_interrupts() has something to do; `never` if all were answered.
    time_point next_interrupt() const noexcept { return repeat_at_; }

    /// Calls settle(outcome) for each operation that is done. Its thread is free by then.
    template <class Settle>
    void collect(Settle settle) noexcept {
        for (worker* w = done_.take_all(); w != nullptr;) {
            worker* const following = w->next;
            settle(release(*w));
            w = following;
        }
    }

    std::uint32_t busy() const noexcept { return busy_; }
    /// System calls made to hand over, interrupt and repeat.
    std::uint64_t system_calls() const noexcept { return system_calls_; }

  private:
    /// What a thread finds in its word.
    enum order : std::uint32_t { none, work, end };

    struct worker : list_hook {  // the hook: among the interrupted
        blocked_call call;
        worker* next = nullptr;  // among the idle or in the mailbox
        blocked_pool* pool = nullptr;
        ::pthread_t thread{};
        alignas(64) futex_word orders{none};  // apart from what the loop writes for others
    };

    static void* thread_main(void* argument) noexcept;
    static worker& worker_of(const operation& op) noexcept { return *reinterpret_cast<worker*>(op.scratch[0]); }
    void serve(worker& self) noexcept;
    void send_interrupt(worker& w) noexcept;
    outcome release(worker& w) noexcept;
    void make_idle(worker& w) noexcept;

    const unsigned most_threads_;
    doorbell& bell_;
    std::vector<std::unique_ptr<worker>> workers_;
    worker* idle_ = nullptr;  // the last one that became idle first: its stack is still in the cache
    list<worker> interrupted_;
    duration pause_{};
    time_point repeat_at_ = never;
    std::uint32_t busy_ = 0;
    std::uint64_t system_calls_ = 0;
    mailbox<worker> done_;
};

}  // namespace penstock::detail
