#pragma once

#include <pthread.h>

#include <csignal>

namespace penstock::testing {

/// Whether this thread blocks a signal.
inline bool blocks(int number) {
    ::sigset_t set;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
    return ::sigismember(&set, number) == 1;
}

}  // namespace penstock::testing
