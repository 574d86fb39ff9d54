// Sequences: readiness, ticks and reads, again and again from one start.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>

namespace penstock::testing {
namespace {

class sequences : public on_backend {
  protected:
    bool adopts() const { return capabilities()[op_kind::adopt].support != support::unsupported; }
};
PENSTOCK_ON_EVERY_BACKEND(sequences);

task<> write_later(const descriptor& to, int after = 5) {
    co_await turns(after);
    write_text(to.name(), "x");
}

task<result<ready_sides>> next_of(readiness_sequence& of) { co_return co_await of.next(); }
task<result<std::uint64_t>> next_of(tick_sequence& of) { co_return co_await of.next(); }

// --- Readiness

TEST_P(sequences, a_descriptor_tells_each_time_that_it_is_readable) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        raw_pipe pipe(O_NONBLOCK);
        auto ready = must(co_await watch_readable(pipe.reader.get()));
        write_text(pipe.writer.name(), "x");
        for (int i = 0; i < 20; ++i) {
            const ready_sides found = must(co_await ready.next());
            EXPECT_TRUE(found.readable);
            read_available(pipe.reader.name());
            co_await write_later(pipe.writer, i % 3);
        }
        co_await with_scope([&](scope& s) -> task<> {
            must(co_await ready.next());
            read_available(pipe.reader.name());
            spawn(s, write_later(pipe.writer));
            while (read_available(pipe.reader.name()).empty()) must(co_await ready.next());  // which may be for nothing
            co_await s.join();
        });
        pipe.writer.reset();
        ready_sides last{};
        while (!last.hung_up) last = must(co_await ready.next());
        co_await ready.close();
    });
}

TEST_P(sequences, a_descriptor_tells_that_it_is_writable) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        raw_pipe pipe(O_NONBLOCK);
        auto ready = must(co_await watch_writable(pipe.writer.get()));
        const ready_sides found = must(co_await ready.next());
        EXPECT_TRUE(found.writable);
    });
}

TEST_P(sequences, what_nobody_takes_is_told_as_one_and_stops_what_tells) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        raw_pipe pipe(O_NONBLOCK);
        auto ready = must(co_await watch_readable(pipe.reader.get()));
        write_text(pipe.writer.name(), "x");
        must(co_await ready.next());
        for (int i = 0; i < 100; ++i) {
            read_available(pipe.reader.name());
            write_text(pipe.writer.name(), "x");
            co_await yield();
        }
        const ready_sides found = must(co_await ready.next());
        EXPECT_TRUE(found.readable);
        read_available(pipe.reader.name());
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, write_later(pipe.writer));
            while (read_available(pipe.reader.name()).empty()) must(co_await ready.next());
            co_await s.join();
        });
        co_await ready.close();
    });
}

TEST_P(sequences, a_cancelled_wait_for_readiness_loses_nothing) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        raw_pipe pipe(O_NONBLOCK);
        auto ready = must(co_await watch_readable(pipe.reader.get()));
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, next_of(ready));
            EXPECT_TRUE(is_cancelled(r));
        }
        write_text(pipe.writer.name(), "x");
        co_await turns(3);
        const ready_sides found = must(co_await ready.next());
        EXPECT_TRUE(found.readable);
    });
}

TEST_P(sequences, one_at_a_time_and_a_close_ends_who_waits) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        raw_pipe pipe(O_NONBLOCK);
        auto ready = must(co_await watch_readable(pipe.reader.get()));
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, [](readiness_sequence& of) -> task<> {
                const auto r = co_await of.next();
                EXPECT_TRUE(is_cancelled(r));
            }(ready));
            co_await turns(2);
            const auto second = co_await ready.next();
            EXPECT_TRUE(is_error(second, std::errc::device_or_resource_busy));
            co_await ready.close();
            co_await s.join();
        });
        const auto closed = co_await ready.next();
        EXPECT_TRUE(is_error(closed, std::errc::bad_file_descriptor));
        const auto none = co_await watch_readable(-1);
        EXPECT_TRUE(is_error(none, std::errc::bad_file_descriptor));
        const auto again = must(co_await wait_writable(pipe.writer.get()));
        EXPECT_TRUE(again.writable);
    });
}

// --- Ticks

TEST_P(sequences, ticks_are_a_period_apart) {
    run([]() -> task<> {
        constexpr duration period = 2ms;
        const time_point began = current_loop->read_clock();
        auto clock = every(period);
        std::uint64_t ticks = 0;
        while (ticks < 5) ticks += must(co_await clock.next());
        EXPECT_GE(current_loop->read_clock() - began, period * static_cast<int>(ticks));
        co_await clock.close();
    });
}

TEST_P(sequences, a_clock_stops_when_nobody_takes_its_ticks) {
    run([]() -> task<> {
        auto clock = every(100us);
        const auto pauses = [] { return current_loop->statistics().sequence_pauses; };
        std::uint64_t before = 0;
        do {  // until a tick is taken before there are too many
            before = pauses();
            must(co_await clock.next());
        } while (pauses() != before);
        while (pauses() == before) must(co_await sleep_for(200us));
        must(co_await sleep_for(20ms));
        EXPECT_EQ(pauses(), before + 1) << "it was stopped";
        EXPECT_EQ(must(co_await clock.next()), 16U);
        EXPECT_GE(must(co_await clock.next()), 1U);
    });
}

TEST_P(sequences, a_clock_that_ticks_faster_than_the_loop_turns_goes_on_and_can_be_stopped) {
    run([]() -> task<> {
        constexpr std::uint64_t more_than_one_start_brings = 600;
        auto fast = every(1us);
        for (std::uint64_t ticks = 0; ticks < more_than_one_start_brings;) ticks += must(co_await fast.next());
        co_await fast.close();
        for (int i = 0; i < 20; ++i) {
            auto stopped = every(1us);
            must(co_await stopped.next());
            co_await stopped.close();
        }
    });
}

TEST_P(sequences, a_cancelled_wait_for_a_tick_loses_none_and_a_close_ends_one) {
    run([]() -> task<> {
        auto slow = every(long_time);
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, next_of(slow));
            EXPECT_TRUE(is_cancelled(r));
        }
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, [](tick_sequence& of) -> task<> {
                const auto r = co_await of.next();
                EXPECT_TRUE(is_cancelled(r));
            }(slow));
            co_await turns(2);
            const auto second = co_await slow.next();
            EXPECT_TRUE(is_error(second, std::errc::device_or_resource_busy));
            co_await slow.close();
            co_await s.join();
        });
        auto dropped = every(1us);
        must(co_await dropped.next());
    });
}

// --- Reads

task<> write_all(adopted& to, const std::string& bytes) {
    must(co_await to.send(std::string_view(bytes)));
    must(co_await to.close());
}

TEST_P(sequences, reading_ahead_brings_everything_in_order) {
    run([]() -> task<> {
        auto ends = must(co_await make_pipe());
        ends.first.set_reading_ahead(true);
        const std::string bytes = pattern(1'000'000);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, write_all(ends.second, bytes));
            std::string got;
            for (int i = 0;; ++i) {
                if (i % 16 == 0) co_await turns(3);  // now and then it is not waited for
                const lease piece = must(co_await ends.first.receive());
                if (piece.empty()) break;
                got += piece.text();
            }
            EXPECT_TRUE(same_bytes(got, bytes));
            co_await s.join();
        });
    });
}

TEST_P(sequences, a_cancelled_receive_leaves_what_was_read_ahead_for_the_next) {
    run([]() -> task<> {
        auto ends = must(co_await make_pipe());
        ends.first.set_reading_ahead(true);
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, receive_from(ends.first));
            EXPECT_TRUE(is_cancelled(r));
        }
        must(co_await ends.second.send("first"));
        co_await turns(3);
        const std::string first = co_await receive_exactly(ends.first, 5);
        EXPECT_EQ(first, "first");
        must(co_await ends.second.send("second"));
        must(co_await ends.second.close());
        const std::string rest = co_await receive_to_end(ends.first);
        EXPECT_EQ(rest, "second");
    });
}

TEST_P(sequences, a_file_can_be_read_ahead_too) {
    if (!adopts()) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        const temporary_directory at;
        const std::string bytes = pattern(100'000);
        std::ofstream(at / "file") << bytes;
        auto file = must(co_await adopt(::open((at / "file").c_str(), O_RDONLY | O_CLOEXEC)));
        file.set_reading_ahead(true);
        const std::string got = co_await receive_to_end(file);
        EXPECT_TRUE(same_bytes(got, bytes));
    });
}

}  // namespace
}  // namespace penstock::testing
