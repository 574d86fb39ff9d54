// Hearing of the end of POSIX AIO requests, which glibc tells nobody who waits for a descriptor.
#pragma once

#include "backend/backend.hpp"
#include "base/mailbox.hpp"
#include "base/unique_fd.hpp"

#include <aio.h>

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <thread>
#include <vector>

namespace penstock::detail {

class posix_inbox;

/// One request to glibc, and whose it is.
struct posix_request : ::aiocb {
    operation* op = nullptr;
    posix_inbox* reply_to = nullptr;
    posix_request* next = nullptr;  // in a mailbox, or among the free ones
};

/// Where a loop finds what has ended of its requests.
class posix_inbox {
  public:
    explicit posix_inbox(backend& owner) : owner_(owner) {}
    /// Nothing may be under way; waits for a watcher that is still about to wake the loop.
    ~posix_inbox();
    posix_inbox(const posix_inbox&) = delete;
    posix_inbox& operator=(const posix_inbox&) = delete;

    /// Watcher: the request is the loop's again.
    void deliver(posix_request& ended) noexcept;
    /// The loop: a null-terminated chain, oldest first.
    posix_request* take_all() noexcept { return ended_.take_all(); }
    bool empty() const noexcept { return ended_.empty(); }

  private:
    backend& owner_;
    mailbox<posix_request> ended_;
    std::atomic<std::uint32_t> notifying_{0};
};

/// One thread for all loops of the process, which sleeps in aio_suspend(3) on everything under way.
///
/// Of the ways to be told, this one cannot lose anything: a signal (SIGEV_SIGNAL) is dropped when the user's queue is
/// full, and belongs to the whole process; a function (SIGEV_THREAD) costs a thread each time, which ThreadSanitizer
/// does not know and crashes in. aio_suspend knows only the requests that it was called with; the thread hears of
/// others through one more among them, a read of the `bell`.
class posix_watcher {
  public:
    /// Requests of the process that glibc carries out at once; others queue there.
    static constexpr int file_threads = 16;

    /// The one there is, or a new one; it ends with its last user. The first use in a process tells glibc its bounds. A
    /// forked child is refused: glibc would take its parent's threads for its own, and nothing would ever be done.
    static std::expected<std::shared_ptr<posix_watcher>, setup_error> get();
    ~posix_watcher();
    posix_watcher(const posix_watcher&) = delete;
    posix_watcher& operator=(const posix_watcher&) = delete;

    /// A request that was started; it belongs to the watcher until it is delivered. Any thread, which must ring() after
    /// the last in a row.
    void add(posix_request& started) noexcept { started_.push(started); }
    void ring() noexcept;

  private:
    explicit posix_watcher(unique_fd bell);
    void watch() noexcept;
    void sleep(const std::vector<const ::aiocb*>& watched) const noexcept;
    void answer_bell(std::vector<const ::aiocb*>& watched) noexcept;
    void listen() noexcept;

    unique_fd bell_;
    posix_request bell_read_;
    std::uint64_t rings_ = 0;  // where glibc puts what it reads from the bell
    bool listening_ = false;
    std::atomic<bool> ending_{false};
    mailbox<posix_request> started_;
    std::thread thread_;
};

}  // namespace penstock::detail
