#include "op/signal.hpp"

#include <pthread.h>
#include <sys/signalfd.h>

#include <csignal>
#include <cstring>

namespace penstock::detail {
namespace {

static_assert(raw_signal_size == sizeof(::signalfd_siginfo));

bool is_in(std::uint64_t mask, int number) noexcept { return (mask >> (number - 1) & 1) != 0; }

}  // namespace

raw_signal decode_signal(std::span<const std::byte> bytes) noexcept {
    ::signalfd_siginfo raw;
    std::memcpy(&raw, bytes.data(), sizeof raw);
    return {.number = raw.ssi_signo,
            .code = raw.ssi_code,
            .sender = raw.ssi_pid,
            .sender_user = raw.ssi_uid,
            .value = raw.ssi_int,
            .status = raw.ssi_status};
}

bool block_signals_here(std::uint64_t mask) noexcept {
    ::sigset_t set;
    ::sigemptyset(&set);
    for (int number = 1; number <= 64; ++number) {
        if (is_in(mask, number)) ::sigaddset(&set, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    return blocks_signals(mask);  // the kernel leaves out what can't be blocked and says nothing
}

bool blocks_signals(std::uint64_t mask) noexcept {
    ::sigset_t blocked;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
    for (int number = 1; number <= 64; ++number) {
        if (is_in(mask, number) && ::sigismember(&blocked, number) != 1) return false;
    }
    return true;
}

}  // namespace penstock::detail
