#include "faults/raw_calls.hpp"

#include "support/faults.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

using namespace penstock::testing;

namespace {

constinit fault_point futex_interrupted("futex", fault::interrupted);
constinit fault_point waitv_interrupted("futex_waitv", fault::interrupted);
constinit fault_point getevents_interrupted("io_getevents", fault::interrupted);

bool sleeps_on_futex(long operation) noexcept {
    const long command = operation & FUTEX_CMD_MASK;
    return command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET;
}

bool sleeps_for_events(long least, const ::timespec* limit) noexcept {
    return least > 0 && (limit == nullptr || limit->tv_sec != 0 || limit->tv_nsec != 0);
}

bool interrupted(fault_point& at) noexcept {
    if (!at.strikes()) return false;
    errno = EINTR;
    return true;
}

}  // namespace

// With as many arguments as a system call can have: the caller has passed some of them, and the kernel looks at no more
// of them than that.
extern "C" long penstock_faults_syscall(long number, long a, long b, long c, long d, long e, long f) {
    switch (number) {
        case SYS_io_setup: return faulty_io_setup(static_cast<unsigned>(a), reinterpret_cast<::aio_context_t*>(b));
        case SYS_io_submit: return faulty_io_submit(static_cast<::aio_context_t>(a), b, reinterpret_cast<::iocb**>(c));
        case SYS_io_getevents:
            if (sleeps_for_events(b, reinterpret_cast<const ::timespec*>(e)) && interrupted(getevents_interrupted)) {
                return -1;
            }
            break;
        case SYS_io_uring_enter:
            return faulty_io_uring_enter(static_cast<int>(a), static_cast<unsigned>(b), static_cast<unsigned>(c),
                                         static_cast<unsigned>(d), reinterpret_cast<const void*>(e),
                                         static_cast<unsigned long>(f));
        case SYS_futex:
            if (sleeps_on_futex(b) && interrupted(futex_interrupted)) return -1;
            break;
        case SYS_futex_waitv:
            if (interrupted(waitv_interrupted)) return -1;
            break;
        default: break;
    }
    return ::syscall(number, a, b, c, d, e, f);
}
