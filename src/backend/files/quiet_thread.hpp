// Threads of the library's own, which take no signals: those belong to the program.
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace penstock::detail {

/// Starts `run` on a thread that blocks every signal, from its first instruction on.
template <class Run>
std::thread start_quiet_thread(Run run) {
    ::sigset_t all;
    ::sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);  // the new thread inherits it
    std::thread started(std::move(run));
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return started;
}

}  // namespace penstock::detail
