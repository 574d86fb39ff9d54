// Whose signal it is: a loop's, for as long as that lives, and never one that the program uses.
#include "backend/signals/ready_signal.hpp"

#include "support/signal_mask.hpp"

#include <gtest/gtest.h>
#include <pthread.h>

#include <csignal>
#include <string>

namespace penstock::detail {
namespace {

using testing::blocks;

std::string refusal(int wanted) {
    const auto made = ready_signal::take(wanted);
    return made ? "none" : made.error().message;
}

TEST(ready_signal, is_blocked_while_it_is_taken_and_not_afterwards) {
    const int number = ready_signal::take(0).value().number();
    EXPECT_FALSE(blocks(number));
    {
        const ready_signal taken = ready_signal::take(number).value();
        EXPECT_TRUE(blocks(number));
        EXPECT_TRUE(blocks(SIGIO));
        EXPECT_EQ(taken.text(), "told by signal " + std::to_string(number));
    }
    EXPECT_FALSE(blocks(number));
    EXPECT_FALSE(blocks(SIGIO));
}

TEST(ready_signal, that_was_blocked_before_stays_so) {
    const int number = SIGRTMIN + 5;
    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGIO);
    ::sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    static_cast<void>(ready_signal::take(number).value());
    EXPECT_TRUE(blocks(SIGIO));
    EXPECT_TRUE(blocks(number));
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

TEST(ready_signal, belongs_to_one_loop_of_a_thread) {
    const ready_signal first = ready_signal::take(0).value();
    const ready_signal second = ready_signal::take(0).value();
    EXPECT_EQ(first.number(), SIGRTMIN);
    EXPECT_EQ(second.number(), SIGRTMIN + 1);
    EXPECT_NE(refusal(first.number()).find("another loop of this thread"), std::string::npos);
}

TEST(ready_signal, of_the_program_is_refused_with_advice) {
    EXPECT_NE(refusal(SIGTERM).find("choose one of 34 to 64"), std::string::npos) << refusal(SIGTERM);
    const int number = SIGRTMIN + 7;
    ::signal(number, [](int) {});
    EXPECT_NE(refusal(number).find("is used by the program"), std::string::npos) << refusal(number);
    ::signal(number, SIG_DFL);
    EXPECT_EQ(refusal(number), "none");

    const auto before = ::signal(SIGIO, [](int) {});
    EXPECT_NE(refusal(number).find("handler for SIGIO"), std::string::npos) << refusal(number);
    ::signal(SIGIO, before);
}

}  // namespace
}  // namespace penstock::detail
