#include "backend/files/posix_watcher.hpp"

#include "backend/files/quiet_thread.hpp"
#include "base/fork_guard.hpp"
#include "base/setup.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>
#include <mutex>

namespace penstock::detail {
namespace {

// glibc starts threads from its own threads, which ThreadSanitizer does not know: it crashes in the allocation of the
// new one. With one thread only, that does not happen, but then none can be spared for the bell.
#if defined(__SANITIZE_THREAD__)
constexpr bool only_one_thread = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
constexpr bool only_one_thread = true;
#else
constexpr bool only_one_thread = false;
#endif
#else
constexpr bool only_one_thread = false;
#endif

// How long a sleep may last that no bell would end: also where glibc had no memory to listen to it.
constexpr ::timespec without_bell{.tv_sec = 0, .tv_nsec = 2'000'000};

::aiocb read_request(int fd, std::uint64_t& into) noexcept {
    ::aiocb block{};
    block.aio_fildes = fd;
    block.aio_buf = &into;
    block.aio_nbytes = sizeof into;
    block.aio_sigevent.sigev_notify = SIGEV_NONE;
    return block;
}

// In which process, as fork_generation() counts them, glibc has its threads.
constexpr std::int64_t nowhere = -1;
std::atomic<std::int64_t> initialised_in{nowhere};

setup_error no_threads_here() {
    return {std::make_error_code(std::errc::operation_not_supported),
            "POSIX AIO: this process was forked from one that used it, and the threads of the C library did not come "
            "along; let +threads do the work on files here, or exec"};
}

void initialise_glibc() noexcept {
    static std::once_flag done;
    std::call_once(done, [] {
        initialised_in.store(fork_generation());
        ::aioinit bounds{};
        bounds.aio_threads = only_one_thread ? 1 : posix_watcher::file_threads + 1;  // one is always at the bell
        bounds.aio_num = 256;                                                        // a hint, by which it allocates
        bounds.aio_idle_time = 1;  // seconds until a thread without work ends
        ::aio_init(&bounds);
    });
}

}  // namespace

posix_inbox::~posix_inbox() {
    while (notifying_.load(std::memory_order_acquire) != 0) std::this_thread::yield();
}

void posix_inbox::deliver(posix_request& ended) noexcept {
    notifying_.fetch_add(1, std::memory_order_relaxed);
    if (ended_.push(ended)) owner_.wake();
    notifying_.fetch_sub(1, std::memory_order_release);
}

std::expected<std::shared_ptr<posix_watcher>, setup_error> posix_watcher::get() {
    const std::int64_t before = initialised_in.load();
    if (before != nowhere && before != fork_generation()) return std::unexpected(no_threads_here());
    static std::mutex mutex;
    static std::weak_ptr<posix_watcher> current;
    const std::lock_guard lock(mutex);
    if (auto found = current.lock()) return found;
    unique_fd bell(::eventfd(0, EFD_CLOEXEC));
    if (!bell) return std::unexpected(setup_failure("eventfd", errno));
    initialise_glibc();
    std::shared_ptr<posix_watcher> made(new posix_watcher(std::move(bell)));
    current = made;
    return made;
}

posix_watcher::posix_watcher(unique_fd bell) : bell_(std::move(bell)) {
    thread_ = start_quiet_thread([this] { watch(); });
}

posix_watcher::~posix_watcher() {
    ending_.store(true);
    ring();
    thread_.join();
}

void posix_watcher::ring() noexcept {
    const std::uint64_t one = 1;
    static_cast<void>(::write(bell_.get(), &one, sizeof one) + 0);
}

// --- The thread -----------------------------------------------------------------------------------------------------

void posix_watcher::watch() noexcept {
    std::vector<const ::aiocb*> watched{nullptr};  // first the bell
    listen();
    while (!ending_.load()) {
        watched[0] = listening_ ? &bell_read_ : nullptr;
        sleep(watched);
        answer_bell(watched);
        for (std::size_t i = 1; i < watched.size();) {
            if (::aio_error(watched[i]) == EINPROGRESS) {
                ++i;
                continue;
            }
            auto* const ended = static_cast<posix_request*>(const_cast<::aiocb*>(watched[i]));
            watched[i] = watched.back();
            watched.pop_back();
            ended->reply_to->deliver(*ended);
        }
    }
    while (listening_ && ::aio_error(&bell_read_) == EINPROGRESS) {  // it writes into this object
        ::aio_suspend(watched.data(), 1, nullptr);
    }
}

void posix_watcher::sleep(const std::vector<const ::aiocb*>& watched) const noexcept {
    if (!listening_ && watched.size() == 1) {  // aio_suspend does not wait for nothing
        ::nanosleep(&without_bell, nullptr);
        return;
    }
    ::aio_suspend(watched.data(), static_cast<int>(watched.size()), listening_ ? nullptr : &without_bell);
}

// Listens again before it looks for what was started: whoever comes later rings.
void posix_watcher::answer_bell(std::vector<const ::aiocb*>& watched) noexcept {
    if (listening_ && ::aio_error(&bell_read_) == EINPROGRESS) return;
    if (!ending_.load()) listen();
    for (posix_request* r = started_.take_all(); r != nullptr; r = r->next) watched.push_back(r);
}

void posix_watcher::listen() noexcept {
    if (only_one_thread) return;
    static_cast<::aiocb&>(bell_read_) = read_request(bell_.get(), rings_);
    listening_ = ::aio_read(&bell_read_) == 0;
}

}  // namespace penstock::detail
