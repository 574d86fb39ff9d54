// Cancelling: before, while and after each operation that waits. Nothing is lost, success beats cancellation.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <vector>

namespace penstock::testing {
namespace {

using cancellation = on_backend;
PENSTOCK_ON_EVERY_BACKEND(cancellation);

task<result<void>> sleep_long() { co_return co_await sleep_for(long_time); }

TEST_P(cancellation, a_sleep_ends) {
    run([]() -> task<> {
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, sleep_long());
            EXPECT_TRUE(is_cancelled(r));
        }
    });
}

TEST_P(cancellation, a_receive_ends_and_the_stream_goes_on) {
    run([]() -> task<> {
        auto pair = co_await connected();
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, receive_from(pair.far));
            EXPECT_TRUE(is_cancelled(r));
            must(co_await pair.near.send("more"));
            EXPECT_EQ(co_await receive_exactly(pair.far, 4), "more");
        }
    });
}

// What arrives while nobody receives, or while a receive is being cancelled, is there for the next one.
template <byte_stream Stream>
task<> receive_with_many_cancels(Stream& from, std::string& all, std::size_t size, int& cancels) {
    for (int round = 0; all.size() < size; ++round) {
        auto r = co_await cancelled_after(round % 5, receive_from(from));
        if (r.has_value()) {
            all += must(std::move(r)).text();
        } else {
            EXPECT_TRUE(is_cancelled(r));
            ++cancels;
        }
    }
}

template <byte_stream Stream>
task<> send_in_pieces(Stream& to, const std::string& text) {
    for (std::size_t at = 0, i = 0; at < text.size(); ++i) {
        const std::size_t size = std::min(text.size() - at, 1 + i * 37 % 1000);
        must(co_await to.send(std::string_view(text).substr(at, size)));
        at += size;
        co_await turns(static_cast<int>(i % 4));
    }
}

template <byte_stream Stream>
task<> exchange_under_cancellation(Stream& from, Stream& to) {
    const std::string text = pattern(150'000);
    std::string all;
    int cancels = 0;
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, send_in_pieces(from, text));
        co_await receive_with_many_cancels(to, all, text.size(), cancels);
        co_await s.join();
    });
    EXPECT_TRUE(same_bytes(all, text));
    EXPECT_GT(cancels, 0);
}

TEST_P(cancellation, cancelled_receives_lose_nothing) {
    run([]() -> task<> {
        auto pair = co_await connected();
        co_await exchange_under_cancellation(pair.near, pair.far);
    });
}

TEST_P(cancellation, cancelled_reads_of_a_pipe_lose_nothing) {
    run([]() -> task<> {
        auto [output, input] = must(co_await make_pipe());
        co_await exchange_under_cancellation(input, output);
    });
}

TEST_P(cancellation, a_cancelled_read_of_an_adopted_descriptor_takes_nothing) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);  // in blocking mode, as standard input is
        const descriptor ours(ends[0]);
        const descriptor theirs(ends[1]);
        auto input = must(co_await adopt(ours.get(), ownership::borrow));
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, receive_from(input));
            EXPECT_TRUE(is_cancelled(r));
            write_text(theirs.name(), "for somebody else");
            co_await turns(10);
            EXPECT_EQ(read_available(ours.name()), "for somebody else") << after;
        }
        must(co_await input.close());
    });
}

TEST_P(cancellation, an_accept_ends_and_takes_no_connection) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        std::vector<net::stream> near;
        std::set<std::string> heard;
        int cancels = 0;
        for (int i = 0; i < 60; ++i) {
            near.push_back(must(co_await net::connect(at)));
            must(co_await near.back().send(std::to_string(i)));
            auto r = co_await cancelled_after(i % 5, accept_from(door));
            if (!r) {
                EXPECT_TRUE(is_cancelled(r));
                ++cancels;
                continue;
            }
            const lease number = must(co_await r->receive());
            heard.emplace(number.text());
        }
        while (heard.size() < near.size()) {
            auto far = must(co_await door.accept());
            const lease number = must(co_await far.receive());
            EXPECT_TRUE(heard.emplace(number.text()).second) << number.text() << " twice";
        }
        EXPECT_GT(cancels, 0);
    });
}

TEST_P(cancellation, an_accept_without_any_connection_ends) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, accept_from(door));
            EXPECT_TRUE(is_cancelled(r));
        }
        auto near = must(co_await net::connect(at));
        const auto far = co_await door.accept();
        EXPECT_TRUE(succeeds(far));
    });
}

// A listener of one place whose place is taken: the kernel drops what more would connect, which then waits.
struct full_listener {
    net::listener door;
    endpoint at;
    std::vector<net::stream> inside;
};

task<full_listener> make_full_listener() {
    full_listener full;
    full.door = must(co_await net::listen(endpoint::loopback(0), {.backlog = 0}));
    full.at = must(co_await full.door.local_endpoint());
    for (;;) {
        auto r = co_await with_timeout(200ms, net::connect(full.at));
        if (!r) break;
        full.inside.push_back(std::move(*r));
    }
    co_return full;
}

TEST_P(cancellation, a_connect_that_waits_ends) {
    run([]() -> task<> {
        auto full = co_await make_full_listener();
        EXPECT_GE(full.inside.size(), 1U);
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, net::connect(full.at));
            EXPECT_TRUE(is_cancelled(r)) << after;
        }
        const auto late = co_await with_timeout(20ms, net::connect(full.at));
        EXPECT_TRUE(is_error(late, std::errc::timed_out));
    });
}

TEST_P(cancellation, a_send_to_a_full_socket_ends) {
    run([]() -> task<> {
        const std::string much = pattern(8 << 20);
        for (const int after : moments) {
            auto pair = co_await connected();
            const auto r = co_await cancelled_after(after, send_to(pair.near, much));
            EXPECT_TRUE(is_cancelled(r)) << after;
            // It is not known how much was taken, but what was is a beginning, and the stream is not broken.
            must(co_await pair.near.close());
            const std::string got = co_await receive_to_end(pair.far);
            EXPECT_TRUE(same_bytes(got, std::string_view(much).substr(0, got.size())));
            EXPECT_LT(got.size(), much.size());
        }
    });
}

TEST_P(cancellation, a_write_to_a_full_pipe_ends) {
    run([]() -> task<> {
        const std::string much = pattern(1 << 20);
        for (const int after : moments) {
            auto [output, input] = must(co_await make_pipe());
            const auto r = co_await cancelled_after(after, send_to(input, much));
            EXPECT_TRUE(is_cancelled(r)) << after;
            must(co_await input.close());
            const std::string got = co_await receive_to_end(output);
            EXPECT_TRUE(same_bytes(got, std::string_view(much).substr(0, got.size())));
        }
    });
}

template <class T>
task<T> cancelled_after_its_end(task<T> work) {
    std::optional<T> outcome;
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, keep(std::move(work), outcome));
        co_await until([&] { return outcome.has_value(); });
        s.cancel();
        co_await s.join();
    });
    co_return std::move(*outcome);
}

TEST_P(cancellation, after_the_end_it_changes_nothing) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await cancelled_after_its_end(send_to(pair.near, "quick")));
        const lease received = must(co_await cancelled_after_its_end(receive_from(pair.far)));
        EXPECT_EQ(received.text(), "quick");
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        auto near = must(co_await cancelled_after_its_end(net::connect(at)));
        auto far = must(co_await cancelled_after_its_end(accept_from(door)));
        must(co_await near.send("and on"));
        EXPECT_EQ(co_await receive_exactly(far, 6), "and on");
    });
}

// Bytes that are there win over a cancellation that came first; only what would have to wait is cancelled.
TEST_P(cancellation, what_has_arrived_is_received_even_when_cancelled) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const auto nothing = co_await cancelled_after(3, receive_from(pair.far));  // leaves a receive behind
        EXPECT_TRUE(is_cancelled(nothing));
        must(co_await pair.near.send("kept"));
        result<lease> r = fail(std::errc::operation_canceled);
        while (!r) r = co_await cancelled_after(1, receive_from(pair.far));
        EXPECT_EQ(r->text(), "kept");
    });
}

TEST_P(cancellation, nothing_new_is_begun_when_it_was_requested) {
    run([]() -> task<> {
        auto pair = co_await connected();
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        const auto sent = co_await cancelled_after(0, send_to(pair.near, "never"));
        EXPECT_TRUE(is_cancelled(sent));
        const auto made = co_await cancelled_after(0, net::connect(at));
        EXPECT_TRUE(is_cancelled(made));
        const auto accepted = co_await cancelled_after(0, accept_from(door));
        EXPECT_TRUE(is_cancelled(accepted));
        must(co_await pair.near.close());
        EXPECT_EQ(co_await receive_to_end(pair.far), "");
    });
}

// Closing is not cancelled, nor is what a program does to clean up.
TEST_P(cancellation, closing_and_ending_go_on_under_it) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const auto end = [](net::stream& s) -> task<result<void>> {
            must(co_await s.shutdown_send());
            must(co_await s.local_endpoint());
            must(co_await s.set_option(net::socket_option::no_delay, 1));
            co_return co_await s.close();
        };
        const auto r = co_await cancelled_after(0, end(pair.near));
        EXPECT_TRUE(succeeds(r));
        EXPECT_EQ(co_await receive_to_end(pair.far), "");
    });
}

TEST_P(cancellation, the_losers_of_when_any_hand_back_what_they_got) {
    run([]() -> task<> {
        auto one = co_await connected();
        auto two = co_await connected();
        must(co_await one.near.send("first"));
        must(co_await two.near.send("second"));
        co_await turns(5);
        auto any = co_await when_any(receive_from(one.far), receive_from(two.far));
        // Whichever lost was either in time, too, and then its bytes are here, or cancelled, and then they are kept.
        std::string all[2];
        auto& [of_one, of_two] = any.values;
        EXPECT_TRUE(any.first == 0 ? of_one.has_value() : of_two.has_value());
        if (of_one) all[0] = of_one->text();
        if (of_two) all[1] = of_two->text();
        if (!of_one) all[0] = must(co_await one.far.receive()).text();
        if (!of_two) all[1] = must(co_await two.far.receive()).text();
        EXPECT_EQ(all[0], "first");
        EXPECT_EQ(all[1], "second");
    });
}

TEST_P(cancellation, a_connection_that_lost_the_race_is_handed_back) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        for (int i = 0; i < 20; ++i) {
            auto any = co_await when_any(net::connect(at), net::connect(at));
            auto& [one, two] = any.values;
            EXPECT_TRUE(one.has_value() || is_cancelled(one));
            EXPECT_TRUE(two.has_value() || is_cancelled(two));
            EXPECT_TRUE(any.first == 0 ? one.has_value() : two.has_value());
        }
    });
}

TEST_P(cancellation, when_any_ends_with_the_first_and_waits_for_the_rest) {
    run([]() -> task<> {
        auto pair = co_await connected();
        auto any = co_await when_any(sleep_long(), receive_from(pair.far), turns(4));
        EXPECT_EQ(any.first, 2U);
        EXPECT_TRUE(is_cancelled(std::get<0>(any.values)));
        EXPECT_TRUE(is_cancelled(std::get<1>(any.values)));
    });
}

TEST_P(cancellation, stopping_the_loop_from_another_thread_cancels_what_runs) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    {
        const watched watching(*l);
        std::thread other;
        const auto wait_long = [&]() -> task<result<void>> {
            other = std::thread([&] { l->request_stop(); });
            co_return co_await sleep_for(long_time);
        };
        const auto stopped = l->run(wait_long());
        other.join();
        EXPECT_TRUE(is_cancelled(stopped));
        // It concerned that run only.
        EXPECT_EQ(l->run([]() -> task<int> {
            must(co_await sleep_for(1ms));
            co_return 3;
        }()),
                  3);
        // A stop that comes before a run is not lost.
        l->request_stop();
        EXPECT_TRUE(is_cancelled(l->run(sleep_long())));
    }
    expect_idle(*l);
}

}  // namespace
}  // namespace penstock::testing
