#include "contenders/ring/feature_ring.hpp"

#include "support/sockets.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

namespace iobench {

namespace {

// After so long without requests the poller sleeps. A second is the kernel's own choice, too.
constexpr unsigned poller_idle_ms = 1000;

io_uring_params parameters_of(const ring_features& wanted) {
    io_uring_params about{};
    if (wanted.sqpoll) {
        about.flags = IORING_SETUP_SQPOLL;
        about.sq_thread_idle = poller_idle_ms;
    } else {
        about.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
    }
    if (wanted.iopoll) about.flags |= IORING_SETUP_IOPOLL;
    return about;
}

int set_up(unsigned entries, io_uring& ring, const ring_features& wanted) {
    io_uring_params about = parameters_of(wanted);
    const int result = ::io_uring_queue_init_params(entries, &ring, &about);
    if (result != -EINVAL || wanted.sqpoll) return result;
    about = {};  // before Linux 6.1
    if (wanted.iopoll) about.flags = IORING_SETUP_IOPOLL;
    return ::io_uring_queue_init_params(entries, &ring, &about);
}

}  // namespace

ring_features ring_features::named(std::string_view contender) {
    const auto has = [&](std::string_view word) { return contender.find(word) != std::string_view::npos; };
    return {.files = has("+files"),
            .buffers = has("+buffers"),
            .zero_copy = has("+zero-copy"),
            .sqpoll = has("+sqpoll"),
            .iopoll = has("+iopoll")};
}

std::string why_no_ring(const ring_features& wanted) {
    io_uring ring{};
    if (const int result = set_up(8, ring, wanted); result < 0) {
        return std::string("io_uring_setup: ") + std::strerror(-result);
    }
    io_uring_probe* const probe = ::io_uring_get_probe_ring(&ring);
    const bool sends = probe != nullptr && ::io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) != 0;
    if (probe != nullptr) ::io_uring_free_probe(probe);
    ::io_uring_queue_exit(&ring);
    return wanted.zero_copy && !sends ? "the kernel has no IORING_OP_SEND_ZC" : "";
}

feature_ring::feature_ring(unsigned entries, const ring_features& wanted) : sqpoll_(wanted.sqpoll) {
    if (const int result = set_up(entries, ring_, wanted); result < 0) bench::fail("io_uring_setup", -result);
    if (::io_uring_register_ring_fd(&ring_) == 1) registered_ = IORING_ENTER_REGISTERED_RING;
}

io_uring_sqe& feature_ring::prepare() {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
        enter(publish(), 0, sqpoll_ ? IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT : 0);
        entry = ::io_uring_get_sqe(&ring_);
    }
    return *entry;
}

void feature_ring::turn() {
    const unsigned submit = publish();
    if (!sqpoll_) return enter(submit, 1, IORING_ENTER_GETEVENTS);
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the poller looks for entries after it has said it sleeps
    unsigned flags = 0;
    if ((std::atomic_ref(*ring_.sq.kflags).load(std::memory_order_relaxed) & IORING_SQ_NEED_WAKEUP) != 0) {
        flags |= IORING_ENTER_SQ_WAKEUP;
    }
    if (::io_uring_cq_ready(&ring_) == 0) flags |= IORING_ENTER_GETEVENTS;
    if (flags != 0) enter(submit, (flags & IORING_ENTER_GETEVENTS) != 0 ? 1 : 0, flags);
}

/// Shows the kernel the entries. \return how many it has not taken, the poller's not counted
unsigned feature_ring::publish() noexcept {
    io_uring_sq& queue = ring_.sq;
    queue.sqe_head = queue.sqe_tail;
    std::atomic_ref(*queue.ktail).store(queue.sqe_tail, std::memory_order_release);
    return queue.sqe_tail - std::atomic_ref(*queue.khead).load(std::memory_order_acquire);
}

/// By syscall(2), so that it is counted.
void feature_ring::enter(unsigned submit, unsigned completions, unsigned flags) {
    const long result = ::syscall(SYS_io_uring_enter, ring_.enter_ring_fd, submit, completions, flags | registered_,
                                  nullptr, std::size_t{0});
    if (result < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY) bench::fail("io_uring_enter", errno);
}

}  // namespace iobench
