// Deadlines and timers.
#include "support/on_backend.hpp"
#include "support/silent_port.hpp"

#include <algorithm>
#include <vector>

namespace penstock::testing {
namespace {

using deadlines = on_backend;
PENSTOCK_ON_EVERY_BACKEND(deadlines);

TEST_P(deadlines, a_sleep_lasts_at_least_as_long_as_asked) {
    run([]() -> task<> {
        for (const duration d : {duration(0), duration(1ms), duration(7ms), duration(20ms)}) {
            const time_point before = current_loop->read_clock();
            must(co_await sleep_until(before + d));
            EXPECT_GE(current_loop->read_clock() - before, d);
        }
        must(co_await sleep_until(current_loop->now() - 1h));
        must(co_await sleep_for(-1h));
    });
}

task<> note_when_over(time_point at, int number, std::vector<int>& order) {
    must(co_await sleep_until(at));
    order.push_back(number);
}

TEST_P(deadlines, timers_fire_in_the_order_of_their_deadlines) {
    run([]() -> task<> {
        constexpr int count = 500;
        std::vector<int> order;
        co_await with_scope([&](scope& s) -> task<> {
            const time_point start = current_loop->now() + 200ms;  // or some are over before they are set
            for (int i = 0; i < count; ++i) {
                const int number = i * 271 % count;
                spawn(s, note_when_over(start + number * 20us, number, order));
            }
            co_await s.join();
        });
        EXPECT_EQ(order.size(), std::size_t{count});
        EXPECT_TRUE(std::ranges::is_sorted(order));
    });
}

TEST_P(deadlines, a_hundred_thousand_timers_are_set_and_cancelled) {
    run([]() -> task<> {
        struct counted : detail::timer_node {
            int* fired = nullptr;
        };
        constexpr std::size_t count = 100'000;
        std::vector<counted> timers(count);
        int fired = 0;
        for (std::size_t i = 0; i < count; ++i) {
            timers[i].fired = &fired;
            timers[i].fire = [](detail::timer_node& t) noexcept { ++*static_cast<counted&>(t).fired; };
            current_loop->set_timer(timers[i], current_loop->now() + (i % 10 == 0 ? duration(1ms) : long_time) +
                                                   std::chrono::nanoseconds(i * 7919 % count));
        }
        EXPECT_EQ(current_loop->statistics().timers, count);
        for (std::size_t i = 0; i < count; ++i) {
            if (i % 10 != 0) current_loop->cancel_timer(timers[i]);
        }
        must(co_await sleep_for(3ms));
        EXPECT_EQ(static_cast<std::size_t>(fired), count / 10);
        EXPECT_EQ(current_loop->statistics().timers, 0U);
    });
}

TEST_P(deadlines, what_is_in_time_succeeds) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await with_timeout(long_time, pair.near.send("in time")));
        const lease got = must(co_await with_timeout(long_time, pair.far.receive()));
        EXPECT_EQ(got.text(), "in time");
        must(co_await with_timeout(long_time, sleep_for(1ms)));
        must(co_await with_deadline(never, send_to(pair.near, "x")));
        must(co_await with_timeout(long_time, pair.near.close()));
        EXPECT_EQ(current_loop->statistics().timers, 0U);
    });
}

TEST_P(deadlines, what_is_late_is_timed_out_and_the_stream_goes_on) {
    run([]() -> task<> {
        auto pair = co_await connected();
        for (const duration d : {duration(-1ms), duration(0), duration(5ms)}) {
            const time_point before = current_loop->read_clock();
            const auto received = co_await with_timeout(d, pair.far.receive());
            EXPECT_TRUE(is_error(received, std::errc::timed_out));
            EXPECT_GE(current_loop->read_clock() - before, d);
        }
        const auto slept = co_await with_timeout(1ms, sleep_for(long_time));
        EXPECT_TRUE(is_error(slept, std::errc::timed_out));
        const std::string much = pattern(8 << 20);
        const auto sent = co_await with_timeout(5ms, pair.near.send(much));
        EXPECT_TRUE(is_error(sent, std::errc::timed_out));
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const auto accepted = co_await with_timeout(1ms, door.accept());
        EXPECT_TRUE(is_error(accepted, std::errc::timed_out));
        must(co_await pair.far.send("and on"));
        EXPECT_EQ(co_await receive_exactly(pair.near, 6), "and on");
    });
}

TEST_P(deadlines, success_beats_a_deadline_that_has_passed) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.send("early"));
        const lease first = must(co_await pair.far.receive());
        must(co_await pair.near.send("x"));
        // Until the byte has been received in the background, being late is what it says.
        result<lease> r = fail(std::errc::timed_out);
        while (is_error(r, std::errc::timed_out)) r = co_await with_timeout(-1ms, pair.far.receive());
        EXPECT_TRUE(succeeds(r));
        EXPECT_EQ(r->text(), "x");
    });
}

task<result<void>> in_time(duration d, task<result<void>> work) { co_return co_await with_timeout(d, std::move(work)); }

task<result<void>> sleep_long() { co_return co_await sleep_for(long_time); }

TEST_P(deadlines, the_inner_of_two_deadlines_tells_only_of_its_own) {
    run([]() -> task<> {
        std::optional<result<void>> inner;
        const auto nested = [&](duration of_inner) -> task<result<void>> {
            inner.emplace(co_await with_timeout(of_inner, sleep_long()));
            co_return *inner;
        };
        const auto inner_first = co_await with_timeout(long_time, nested(2ms));
        EXPECT_TRUE(is_error(*inner, std::errc::timed_out));
        EXPECT_TRUE(is_error(inner_first, std::errc::timed_out));
        const auto outer_first = co_await with_timeout(2ms, nested(long_time));
        EXPECT_TRUE(is_cancelled(*inner));
        EXPECT_TRUE(is_error(outer_first, std::errc::timed_out));
    });
}

TEST_P(deadlines, a_stop_from_outside_is_not_a_timeout) {
    run([]() -> task<> {
        const auto stopped = co_await cancelled_after(3, in_time(long_time, sleep_long()));
        EXPECT_TRUE(is_cancelled(stopped));
        const auto before = co_await cancelled_after(0, in_time(long_time, sleep_long()));
        EXPECT_TRUE(is_cancelled(before));
    });
}

// Something that takes its time to end, such as a disk: the deadline passes while the stop is under way.
TEST_P(deadlines, a_stop_that_came_before_the_deadline_is_what_is_told) {
    run([]() -> task<> {
        const auto stubborn = []() -> task<result<void>> {
            auto r = co_await sleep_for(long_time);
            const time_point end = current_loop->read_clock() + 10ms;
            while (current_loop->read_clock() < end) co_await yield();
            co_return r;
        };
        const auto r = co_await cancelled_after(2, in_time(5ms, stubborn()));
        EXPECT_TRUE(is_cancelled(r));
    });
}

TEST_P(deadlines, an_error_of_the_work_is_passed_on) {
    run([]() -> task<> {
        const silent_port nobody;
        const auto refused = co_await with_timeout(long_time, net::connect(nobody.at()));
        EXPECT_TRUE(is_error(refused, std::errc::connection_refused));
    });
}

// Deadlines and completions race at the same instant, many times; whatever wins, no byte is lost.
TEST_P(deadlines, racing_completions_lose_no_byte) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const int rounds = full_scale() ? 3000 : 500;
        std::string sent;
        std::string got;
        int late = 0;
        for (int i = 0; i < rounds; ++i) {
            const std::string number = std::to_string(i) + " ";
            const auto [s, r] =
                co_await when_all(send_to(pair.near, number), [](net::stream& from, duration d) -> task<result<lease>> {
                    co_return co_await with_timeout(d, from.receive());
                }(pair.far, std::chrono::microseconds(i % 40)));
            sent += number;
            must(std::move(s));
            if (r) got += r->text();
            if (!r) {
                EXPECT_TRUE(is_error(r, std::errc::timed_out));
                ++late;
            }
        }
        must(co_await pair.near.close());
        got += co_await receive_to_end(pair.far);
        EXPECT_EQ(got, sent);
        ::testing::Test::RecordProperty("late", late);
    });
}

}  // namespace
}  // namespace penstock::testing
