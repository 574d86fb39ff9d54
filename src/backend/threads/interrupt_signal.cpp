#include "backend/threads/interrupt_signal.hpp"

#include <csignal>

namespace penstock::detail {
namespace {

// Nothing is to be done here: that a handler ran is what makes the system call answer EINTR.
extern "C" void penstock_leave_system_call(int) {}

bool is_free(int number) noexcept {
    struct ::sigaction present{};
    if (::sigaction(number, nullptr, &present) != 0) return false;
    return (present.sa_flags & SA_SIGINFO) == 0 && (present.sa_handler == SIG_DFL || present.sa_handler == SIG_IGN);
}

bool take(int number) noexcept {
    struct ::sigaction mine{};
    mine.sa_handler = penstock_leave_system_call;
    ::sigemptyset(&mine.sa_mask);
    mine.sa_flags = 0;  // no SA_RESTART: an interrupted call must come back
    return ::sigaction(number, &mine, nullptr) == 0;
}

int choose() noexcept {
    if (is_free(SIGURG) && take(SIGURG)) return SIGURG;
    for (int number = SIGRTMAX; number >= SIGRTMIN; --number) {
        if (is_free(number) && take(number)) return number;
    }
    return 0;
}

}  // namespace

int interrupt_signal() noexcept {
    static const int chosen = choose();
    return chosen;
}

}  // namespace penstock::detail
