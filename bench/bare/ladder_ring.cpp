#include "ladder_ring.hpp"

#include "../support/sockets.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace bench {

namespace {

// Newer than the liburing of Debian 12.
constexpr unsigned feature_bundles = 1U << 14;    // IORING_FEAT_RECVSEND_BUNDLE, Linux 6.10
constexpr unsigned feature_min_wait = 1U << 15;   // IORING_FEAT_MIN_TIMEOUT, Linux 6.12
constexpr unsigned feature_no_iowait = 1U << 17;  // IORING_FEAT_NO_IOWAIT, Linux 6.15
constexpr unsigned enter_no_iowait = 1U << 7;     // IORING_ENTER_NO_IOWAIT

constexpr int left_out = 77;
constexpr unsigned microseconds_of_min_wait = 50;
constexpr unsigned completions_of_min_wait = 16;
constexpr unsigned milliseconds_until_thread_sleeps = 50;

std::atomic<std::uint64_t> enters{0};

// Nothing here may allocate or lock: it interrupts the loop.
void print_enters(int) {
    const int before = errno;
    std::array<char, 64> line{'e', 'n', 't', 'e', 'r', 's', ' '};
    char* const end = std::to_chars(line.data() + 7, line.data() + line.size() - 1, enters.load()).ptr;
    *end = '\n';
    static_cast<void>(!::write(STDOUT_FILENO, line.data(), static_cast<std::size_t>(end + 1 - line.data())));
    errno = before;
}

}  // namespace

std::optional<std::string> ladder_features::read(const arguments& given) {
    if (given.has("--with")) {
        if (auto wrong = read_words(given.text("--with"))) {
            return wrong;
        }
    }
    if (given.has("--batch")) {
        batch = static_cast<unsigned>(given.number("--batch", 1));
    }
    if (given.has("--sq-core")) {
        const std::string text = given.text("--sq-core");
        unsigned core = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), core).ptr != text.data() + text.size()) {
            return "'--sq-core' needs the number of a core, not '" + text + "'";
        }
        sq_core = core;
    }
    if ((buffer_ring || direct) && !multishot) {
        return "buffer-ring and direct go with multishot";
    }
    if (bundles && !buffer_ring) {
        return "bundles go with buffer-ring";
    }
    return std::nullopt;
}

std::optional<std::string> ladder_features::read_words(std::string_view text) {
    const std::array<std::pair<std::string_view, bool*>, 14> known{{{"ring-fd", &ring_fd},
                                                                    {"coop", &coop},
                                                                    {"defer", &defer},
                                                                    {"multishot", &multishot},
                                                                    {"buffer-ring", &buffer_ring},
                                                                    {"direct", &direct},
                                                                    {"bundles", &bundles},
                                                                    {"min-wait", &min_wait},
                                                                    {"sqpoll", &sqpoll},
                                                                    {"spin", &spin},
                                                                    {"files", &files},
                                                                    {"buffers", &buffers},
                                                                    {"huge-pages", &huge_pages},
                                                                    {"iopoll", &iopoll}}};
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(','));
        const auto* const found = std::ranges::find(known, word, &std::pair<std::string_view, bool*>::first);
        if (found == known.end()) {
            return "unknown feature '" + std::string{word} + "'";
        }
        *found->second = true;
        text.remove_prefix(std::min(text.size(), word.size() + 1));
    }
    return std::nullopt;
}

void not_here(std::string_view what) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(what.size()), what.data());
    std::exit(left_out);
}

void report_enters_on_signal() {
    struct sigaction action{};
    action.sa_handler = print_enters;
    check(::sigaction(SIGUSR1, &action, nullptr), "sigaction");
}

std::uint64_t enters_so_far() { return enters.load(); }

ladder_ring::ladder_ring(const ladder_features& with, unsigned entries) : with_{with} {
    unsigned flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE;
    if (with.coop && !with.sqpoll) {
        flags |= IORING_SETUP_COOP_TASKRUN;
    }
    if (with.defer && !with.sqpoll) {  // which replaces it: that thread finishes what it begins
        flags |= IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
        flags &= ~IORING_SETUP_COOP_TASKRUN;
    }
    if (with.sqpoll) {
        flags |= IORING_SETUP_SQPOLL | (with.sq_core ? IORING_SETUP_SQ_AFF : 0U);
    }
    if (with.iopoll) {
        flags |= IORING_SETUP_IOPOLL;
    }
    set_up(flags, entries);
    if (with.bundles && (ring_.features & feature_bundles) == 0) {
        not_here("bundles need Linux 6.10");
    }
    if (with.min_wait && (ring_.features & feature_min_wait) == 0) {
        not_here("a minimum wait needs Linux 6.12");
    }
    if ((ring_.features & feature_no_iowait) != 0) {
        enter_flags_ |= enter_no_iowait;
    }
    if (with.ring_fd) {
        if (::io_uring_register_ring_fd(&ring_) != 1) {
            not_here("the ring's descriptor can't be registered (Linux 5.18)");
        }
        enter_flags_ |= IORING_ENTER_REGISTERED_RING;
    }
}

void ladder_ring::set_up(unsigned flags, unsigned entries) {
    io_uring_params parameters{};
    parameters.flags = flags;
    parameters.cq_entries = 8 * entries;
    parameters.sq_thread_idle = milliseconds_until_thread_sleeps;
    parameters.sq_thread_cpu = with_.sq_core.value_or(0);
    const int result = ::io_uring_queue_init_params(entries, &ring_, &parameters);
    if (result == -EINVAL) {
        not_here("this kernel does not know one of the flags of the ring (DEFER_TASKRUN needs Linux 6.1)");
    }
    if (result < 0) {
        fail("io_uring_setup", -result);
    }
}

io_uring_sqe& ladder_ring::prepare() {
    io_uring_sqe* entry = ::io_uring_get_sqe(&ring_);
    while (entry == nullptr) {
        turn(0);
        entry = ::io_uring_get_sqe(&ring_);
    }
    return *entry;
}

void ladder_ring::turn(unsigned wanted) {
    if (with_.min_wait && wanted == 1) {
        wanted = completions_of_min_wait;
    }
    if (with_.sqpoll) {
        turn_beside_thread(wanted);
        return;
    }
    enter(publish(), wanted, IORING_ENTER_GETEVENTS);
}

// The thread sees the entries by itself, unless it has gone to sleep. Completions that are there already need no call.
void ladder_ring::turn_beside_thread(unsigned wanted) {
    const unsigned to_submit = publish();
    std::atomic_thread_fence(std::memory_order_seq_cst);  // the tail first, then whether it sleeps
    const auto sleeps = [this] {
        return (std::atomic_ref{*ring_.sq.kflags}.load(std::memory_order_relaxed) & IORING_SQ_NEED_WAKEUP) != 0;
    };
    if (to_submit != 0 && sleeps()) {
        enter(to_submit, 0, IORING_ENTER_SQ_WAKEUP);
    }
    while (with_.spin && completions() == 0 && !sleeps()) {
        __builtin_ia32_pause();
    }
    if (wanted != 0 && completions() == 0) {
        enter(0, wanted, IORING_ENTER_GETEVENTS | (sleeps() ? IORING_ENTER_SQ_WAKEUP : 0U));
    }
}

unsigned ladder_ring::completions() const {
    return std::atomic_ref{*ring_.cq.ktail}.load(std::memory_order_acquire) - *ring_.cq.khead;
}

void ladder_ring::enter(unsigned to_submit, unsigned wanted, unsigned flags) {
    // The field that says how long to wait for more than one is called `pad` there.
    io_uring_getevents_arg more{};
    more.pad = microseconds_of_min_wait;
    const bool timed = with_.min_wait && wanted > 1;
    enters.fetch_add(1, std::memory_order_relaxed);
    const long result = ::syscall(__NR_io_uring_enter, ring_.enter_ring_fd, to_submit, wanted,
                                  flags | enter_flags_ | (timed ? IORING_ENTER_EXT_ARG : 0U), timed ? &more : nullptr,
                                  timed ? sizeof more : std::size_t{0});
    if (result < 0 && errno != EINTR && errno != EAGAIN && errno != EBUSY && errno != ETIME) {
        fail("io_uring_enter", errno);
    }
}

// What liburing does before it enters the kernel itself: shows it the entries, and counts those it has not taken.
unsigned ladder_ring::publish() {
    io_uring_sq& queue = ring_.sq;
    queue.sqe_head = queue.sqe_tail;
    std::atomic_ref{*queue.ktail}.store(queue.sqe_tail, std::memory_order_release);
    return queue.sqe_tail - std::atomic_ref{*queue.khead}.load(std::memory_order_acquire);
}

}  // namespace bench
