#include "backend/threads/blocked_pool.hpp"

#include "backend/threads/interrupt_signal.hpp"
#include "base/check.hpp"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <utility>

namespace penstock::detail {
namespace {

using namespace std::chrono_literals;

constexpr duration shortest_pause = 200us;
constexpr duration longest_pause = 5ms;

// A worker's frames are a few system calls deep, and there may be hundreds of workers. Sanitizers need more.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define PENSTOCK_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PENSTOCK_SANITIZED 1
#endif
#ifdef PENSTOCK_SANITIZED
constexpr std::size_t stack_size = std::size_t{1} << 20;
#else
constexpr std::size_t stack_size = std::size_t{256} << 10;
#endif

/// What a worker must not be disturbed by: signals are the program's business, but for the one that is ours.
class worker_signal_mask {
  public:
    worker_signal_mask() noexcept {
        ::sigset_t all;
        ::sigfillset(&all);
        ::sigdelset(&all, interrupt_signal());
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~worker_signal_mask() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    worker_signal_mask(const worker_signal_mask&) = delete;
    worker_signal_mask& operator=(const worker_signal_mask&) = delete;

  private:
    ::sigset_t before_;
};

int start_thread(::pthread_t& thread, void* (*main)(void*), void* argument) noexcept {
    const worker_signal_mask inherited;
    ::pthread_attr_t attributes;
    if (const int error = ::pthread_attr_init(&attributes); error != 0) return error;
    ::pthread_attr_setstacksize(&attributes, stack_size);
    const int error = ::pthread_create(&thread, &attributes, main, argument);
    ::pthread_attr_destroy(&attributes);
    return error;
}

}  // namespace

blocked_pool::blocked_pool(unsigned most_threads, doorbell& bell) : most_threads_(most_threads), bell_(bell) {
    workers_.reserve(most_threads);
}

blocked_pool::~blocked_pool() {
    PENSTOCK_CHECK(busy_ == 0, "a backend ended with operations under way");
    for (const auto& w : workers_) {
        w->orders.store(end, std::memory_order_release);
        futex_wake(w->orders);
    }
    for (const auto& w : workers_) ::pthread_join(w->thread, nullptr);
}

std::int32_t blocked_pool::add_thread() noexcept {
    if (workers_.size() == most_threads_) return -EBUSY;
    try {
        auto w = std::make_unique<worker>();
        w->pool = this;
        // EAGAIN of pthread_create(3) is a shortage like that of memory, and not "try again at once".
        if (const int error = start_thread(w->thread, thread_main, w.get()); error != 0) {
            return error == EAGAIN ? -ENOMEM : -error;
        }
        make_idle(*w);
        workers_.push_back(std::move(w));  // has room, so it does not throw
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    return 0;
}

std::int32_t blocked_pool::start(operation& op, std::span<std::byte> memory) noexcept {
    if (idle_ == nullptr) {
        if (const std::int32_t r = add_thread(); r < 0) return r;
    }
    worker& w = *std::exchange(idle_, idle_->next);
    w.call.op = &op;
    w.call.memory = memory;
    w.call.accepted = {};
    w.call.cancelled.store(false, std::memory_order_relaxed);
    op.scratch[0] = reinterpret_cast<std::uintptr_t>(&w);
    ++busy_;
    ++system_calls_;
    w.orders.store(work, std::memory_order_release);
    futex_wake(w.orders);
    return 0;
}

bool blocked_pool::withdraw(operation& op) noexcept {
    worker& w = worker_of(op);
    std::uint32_t not_begun = work;
    // The thread claims its work in the same way, so only one of us gets it.
    if (!w.orders.compare_exchange_strong(not_begun, none, std::memory_order_acq_rel)) return false;
    --busy_;
    make_idle(w);
    return true;
}

void blocked_pool::interrupt(operation& op) noexcept {
    worker& w = worker_of(op);
    if (w.linked()) return;
    w.call.cancelled.store(true, std::memory_order_relaxed);
    interrupted_.push_back(w);
    send_interrupt(w);
    pause_ = shortest_pause;
    repeat_at_ = std::min(repeat_at_, clock::now() + pause_);
}

void blocked_pool::repeat_interrupts(time_point now) noexcept {
    if (now < repeat_at_) return;
    for (worker* w = interrupted_.front(); w != nullptr; w = interrupted_.next(*w)) send_interrupt(*w);
    pause_ = std::min(pause_ * 2, longest_pause);
    repeat_at_ = now + pause_;
}

void blocked_pool::send_interrupt(worker& w) noexcept {
    ++system_calls_;
    ::pthread_kill(w.thread, interrupt_signal());
}

void blocked_pool::make_idle(worker& w) noexcept { w.next = std::exchange(idle_, &w); }

blocked_pool::outcome blocked_pool::release(worker& w) noexcept {
    const outcome came_of_it{.op = w.call.op,
                             .result = w.call.result,
                             .accepted = w.call.accepted,
                             .cancelled = w.call.cancelled.load(std::memory_order_relaxed)};
    w.unlink();
    if (interrupted_.empty()) repeat_at_ = never;
    --busy_;
    make_idle(w);
    return came_of_it;
}

void* blocked_pool::thread_main(void* argument) noexcept {
    auto& self = *static_cast<worker*>(argument);
    ::pthread_setname_np(::pthread_self(), "penstock-worker");
    self.pool->serve(self);
    return nullptr;
}

void blocked_pool::serve(worker& self) noexcept {
    for (;;) {
        std::uint32_t given = work;
        if (self.orders.compare_exchange_strong(given, none, std::memory_order_acq_rel)) {
            run(self.call);
            // From the push on, the loop may give this thread its next work; what follows touches only the
            // pool, which joins its threads before it ends.
            if (done_.push(self)) bell_.ring(doorbell::finished);
        } else if (given == end) {
            return;
        } else {
            futex_wait(self.orders, none, never);
        }
    }
}

}  // namespace penstock::detail
