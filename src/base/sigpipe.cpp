#include "base/sigpipe.hpp"

#include <pthread.h>

#include <ctime>

namespace penstock::detail {
namespace {

::sigset_t only_sigpipe() noexcept {
    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGPIPE);
    return set;
}

bool pending() noexcept {
    ::sigset_t set;
    ::sigpending(&set);
    return ::sigismember(&set, SIGPIPE) == 1;
}

}  // namespace

sigpipe_block::sigpipe_block() noexcept {
    ::sigset_t before;
    const ::sigset_t set = only_sigpipe();
    ::pthread_sigmask(SIG_BLOCK, &set, &before);
    was_blocked_ = ::sigismember(&before, SIGPIPE) == 1;
    was_pending_ = pending();
}

sigpipe_block::~sigpipe_block() {
    const ::sigset_t set = only_sigpipe();
    const ::timespec at_once{};
    if (!was_pending_ && pending()) ::sigtimedwait(&set, nullptr, &at_once);
    if (!was_blocked_) ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

}  // namespace penstock::detail
