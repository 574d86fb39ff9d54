#include "process/interrupt.hpp"

#include <signal.h>

#include <initializer_list>

namespace iobench {

namespace {

volatile sig_atomic_t asked = 0;

}  // namespace

void note_interrupts() {
    struct sigaction action{};
    action.sa_handler = [](int number) {
        if (asked != 0) {
            ::signal(number, SIG_DFL);
            ::raise(number);
        }
        asked = 1;
    };
    for (const int number : {SIGINT, SIGTERM}) ::sigaction(number, &action, nullptr);
}

bool interrupted() noexcept { return asked != 0; }

}  // namespace iobench
