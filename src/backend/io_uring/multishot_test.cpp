// That a sequence is one entry of the ring, however often it tells: by the kernel's count of submission entries.
#include "support/submission_entries.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>

namespace penstock {
namespace {

using namespace testing;

constexpr std::uint64_t times = 50;

class multishot_test : public ::testing::Test {
  protected:
    /// Runs `body(ends)` with a pipe of the program's, unless `feature` can't be had here.
    template <class Body>
    void run(std::string_view feature, Body body) {
        auto made = loop::create({.backend = "io_uring"});
        if (!made) GTEST_SKIP() << made.error().message;
        for (const feature_report& f : (*made)->explain().features) {
            if (f.name == feature && !f.on) GTEST_SKIP() << f.name << ": " << f.detail;
        }
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
        (*made)->run(body(ends));
        for (const int end : ends) ::close(end);
    }
};

void write_byte(int to) { ASSERT_EQ(::write(to, "x", 1), 1); }

void take_byte(int from) {
    char byte = 0;
    ASSERT_EQ(::read(from, &byte, 1), 1);
}

TEST_F(multishot_test, readiness_is_told_by_one_entry) {
    run("", [](std::array<int, 2> ends) -> task<> {
        auto ready = must(co_await watch_readable(ends[0]));
        write_byte(ends[1]);
        must(co_await ready.next());
        take_byte(ends[0]);
        const std::uint64_t before = entries_submitted();
        for (std::uint64_t i = 0; i < times; ++i) {
            write_byte(ends[1]);
            must(co_await ready.next());
            take_byte(ends[0]);
        }
        EXPECT_EQ(entries_submitted(), before);
        co_await ready.close();
    });
}

TEST_F(multishot_test, readiness_that_nobody_takes_is_not_told_for_ever) {
    run("", [](std::array<int, 2> ends) -> task<> {
        auto ready = must(co_await watch_readable(ends[0]));
        write_byte(ends[1]);
        must(co_await ready.next());
        take_byte(ends[0]);
        for (std::uint64_t i = 0; i < times; ++i) {
            write_byte(ends[1]);
            co_await yield();
            take_byte(ends[0]);
        }
        EXPECT_EQ(current_loop->statistics().sequence_pauses, 1U);
        const std::uint64_t before = current_loop->statistics().completions;
        for (std::uint64_t i = 0; i < times; ++i) {
            write_byte(ends[1]);
            co_await yield();
            take_byte(ends[0]);
        }
        EXPECT_EQ(current_loop->statistics().completions, before) << "it was stopped";
        must(co_await ready.next());
        co_await ready.close();
    });
}

TEST_F(multishot_test, ticks_are_told_by_one_entry) {
    run("", [](std::array<int, 2>) -> task<> {
        if (current_loop->explain().capabilities[op_kind::tick].support != support::native) co_return;
        auto clock = every(200us);
        must(co_await clock.next());
        const std::uint64_t before = entries_submitted();
        for (std::uint64_t i = 0; i < times;) i += must(co_await clock.next());
        EXPECT_EQ(entries_submitted(), before);
        EXPECT_EQ(current_loop->statistics().timers, 0U) << "of the loop's own";
        co_await clock.close();
    });
}

task<> read_one_by_one(adopted& from, int to) {
    for (std::uint64_t i = 0; i < times; ++i) {
        write_byte(to);
        const lease piece = must(co_await from.receive());
        EXPECT_EQ(piece.text(), "x");
    }
}

TEST_F(multishot_test, reads_ahead_are_one_entry) {
    run("multishot reads", [](std::array<int, 2> ends) -> task<> {
        auto from = must(co_await adopt(ends[0], ownership::borrow));
        from.set_reading_ahead(true);
        const std::uint64_t before = entries_submitted();
        co_await read_one_by_one(from, ends[1]);
        EXPECT_LE(entries_submitted() - before, 2U);
        co_await from.close();
    });
}

TEST_F(multishot_test, reads_without_being_asked_to_go_on_are_an_entry_each) {
    run("", [](std::array<int, 2> ends) -> task<> {
        auto from = must(co_await adopt(ends[0], ownership::borrow));
        const std::uint64_t before = entries_submitted();
        co_await read_one_by_one(from, ends[1]);
        EXPECT_GE(entries_submitted() - before, times);
        co_await from.close();
    });
}

}  // namespace
}  // namespace penstock
