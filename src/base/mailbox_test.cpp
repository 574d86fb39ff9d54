#include "base/mailbox.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

struct letter {
    letter* next = nullptr;
    int sender = 0;
    int number = 0;
};

TEST(mailbox, delivers_the_oldest_first_and_says_when_it_was_empty) {
    letter letters[3];
    for (int i = 0; i < 3; ++i) letters[i].number = i;
    mailbox<letter> box;
    EXPECT_TRUE(box.empty());
    EXPECT_EQ(box.take_all(), nullptr);
    EXPECT_TRUE(box.push(letters[0]));
    EXPECT_FALSE(box.push(letters[1]));
    EXPECT_FALSE(box.push(letters[2]));
    EXPECT_FALSE(box.empty());

    int expected = 0;
    for (letter* l = box.take_all(); l != nullptr; l = l->next) EXPECT_EQ(l->number, expected++);
    EXPECT_EQ(expected, 3);
    EXPECT_TRUE(box.empty());
    EXPECT_TRUE(box.push(letters[1])) << "it may be used again";
    EXPECT_EQ(box.take_all(), &letters[1]);
    EXPECT_EQ(letters[1].next, nullptr);
}

TEST(mailbox, loses_nothing_of_many_senders_and_keeps_the_order_of_each) {
    constexpr int senders = 4;
    constexpr int each = 20000;
    std::vector<std::vector<letter>> letters(senders, std::vector<letter>(each));
    mailbox<letter> box;
    std::atomic<int> times_found_empty{0};

    std::vector<std::jthread> threads;
    threads.reserve(senders);
    for (int s = 0; s < senders; ++s) {
        threads.emplace_back([&, s] {
            for (int n = 0; n < each; ++n) {
                letter& l = letters[s][n];
                l.sender = s;
                l.number = n;
                if (box.push(l)) times_found_empty.fetch_add(1, std::memory_order_relaxed);
            }
        });
    }
    std::vector<int> received(senders, 0);
    int total = 0;
    int times_taken = 0;
    while (total < senders * each) {
        letter* chain = box.take_all();
        if (chain == nullptr) {
            std::this_thread::yield();
            continue;
        }
        ++times_taken;
        for (; chain != nullptr; chain = chain->next) {
            ASSERT_EQ(chain->number, received[chain->sender]++);
            ++total;
        }
    }
    threads.clear();
    EXPECT_TRUE(box.empty());
    EXPECT_EQ(times_found_empty, times_taken) << "exactly one wake-up for each chain";
}

}  // namespace
}  // namespace penstock::detail
