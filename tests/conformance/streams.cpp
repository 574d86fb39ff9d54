// Streams: connecting, sending, receiving and ending, over TCP and Unix sockets.
#include "support/on_backend.hpp"
#include "support/silent_port.hpp"
#include "support/temporary_directory.hpp"

#include <sys/socket.h>

#include <climits>
#include <vector>

namespace penstock::testing {
namespace {

static_assert(byte_stream<net::stream>);
static_assert(byte_stream<adopted>);

using streams = on_backend;
PENSTOCK_ON_EVERY_BACKEND(streams);

// A message in each direction, then the end in each.
task<> converse(net::stream& near, net::stream& far) {
    must(co_await near.send("a question"));
    EXPECT_EQ(co_await receive_exactly(far, 10), "a question");
    must(co_await far.send("an answer"));
    EXPECT_EQ(co_await receive_exactly(near, 9), "an answer");
    must(co_await near.shutdown_send());
    EXPECT_EQ(co_await receive_to_end(far), "");
    must(co_await far.send("still listening?"));
    must(co_await far.shutdown_send());
    EXPECT_EQ(co_await receive_to_end(near), "still listening?");
}

TEST_P(streams, carry_both_directions_over_ipv4) {
    run([]() -> task<> {
        auto pair = co_await connected(endpoint::loopback(0));
        co_await converse(pair.near, pair.far);
    });
}

TEST_P(streams, carry_both_directions_over_ipv6) {
    run([]() -> task<> {
        auto pair = co_await connected(endpoint::loopback6(0));
        co_await converse(pair.near, pair.far);
    });
}

TEST_P(streams, carry_both_directions_over_a_unix_path) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto pair = co_await connected(endpoint::parse("unix:" + directory / "socket").value());
        co_await converse(pair.near, pair.far);
    });
}

TEST_P(streams, carry_both_directions_over_an_abstract_unix_name) {
    run([]() -> task<> {
        const std::string name = "unix:@penstock-conformance-" + std::to_string(::getpid());
        auto pair = co_await connected(endpoint::parse(name).value());
        co_await converse(pair.near, pair.far);
    });
}

TEST_P(streams, know_both_names) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        EXPECT_NE(at.port(), 0);
        auto near = must(co_await net::connect(at));
        auto far = must(co_await door.accept());
        EXPECT_EQ(must(co_await near.peer_endpoint()), at);
        EXPECT_EQ(must(co_await far.local_endpoint()), at);
        EXPECT_EQ(must(co_await near.local_endpoint()), must(co_await far.peer_endpoint()));
    });
}

TEST_P(streams, a_refused_connection_says_so) {
    run([]() -> task<> {
        const silent_port nobody;
        const auto tcp = co_await net::connect(nobody.at());
        EXPECT_TRUE(is_error(tcp, std::errc::connection_refused));
        const auto local = co_await net::connect(endpoint::parse("unix:@penstock-nobody-listens-here").value());
        EXPECT_TRUE(is_error(local, std::errc::connection_refused));
    });
}

TEST_P(streams, a_path_without_a_socket_says_so) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const auto absent = co_await net::connect(endpoint::parse("unix:" + directory / "absent").value());
        EXPECT_TRUE(is_error(absent, std::errc::no_such_file_or_directory));
    });
}

TEST_P(streams, an_empty_endpoint_is_an_error_and_nothing_worse) {
    run([]() -> task<> {
        const auto nowhere = co_await net::connect(endpoint());
        EXPECT_FALSE(nowhere.has_value());
        const auto deaf = co_await net::listen(endpoint());
        EXPECT_FALSE(deaf.has_value());
    });
}

TEST_P(streams, a_stream_that_is_not_open_answers_bad_descriptor) {
    run([]() -> task<> {
        net::stream closed;
        EXPECT_FALSE(closed.open());
        const auto received = co_await closed.receive();
        EXPECT_TRUE(is_error(received, std::errc::bad_file_descriptor));
        const auto sent = co_await closed.send("x");
        EXPECT_TRUE(is_error(sent, std::errc::bad_file_descriptor));
        const auto name = co_await closed.local_endpoint();
        EXPECT_TRUE(is_error(name, std::errc::bad_file_descriptor));
        const auto ended = co_await closed.shutdown_send();
        EXPECT_TRUE(is_error(ended, std::errc::bad_file_descriptor));
        const auto option = co_await closed.get_option(net::socket_option::no_delay);
        EXPECT_TRUE(is_error(option, std::errc::bad_file_descriptor));
        must(co_await closed.close());
    });
}

TEST_P(streams, options_are_set_and_read) {
    run([]() -> task<> {
        auto pair = co_await connected();
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::no_delay)), 1);
        EXPECT_EQ(must(co_await pair.far.get_option(net::socket_option::no_delay)), 1);
        must(co_await pair.near.set_option(net::socket_option::no_delay, 0));
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::no_delay)), 0);
        must(co_await pair.near.set_option(net::socket_option::keep_alive, 1));
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::keep_alive)), 1);
        must(co_await pair.near.set_option(net::socket_option::send_buffer, 16384));
        EXPECT_GE(must(co_await pair.near.get_option(net::socket_option::send_buffer)), 16384);
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::linger)), -1);
        must(co_await pair.near.set_option(net::socket_option::linger, 3));
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::linger)), 3);
        must(co_await pair.near.set_option(net::socket_option::user_timeout, 1234));
        EXPECT_EQ(must(co_await pair.near.get_option(net::socket_option::user_timeout)), 1234);
        const auto late = co_await pair.near.set_option(net::socket_option::ipv6_only, 1);
        EXPECT_FALSE(late.has_value());  // an IPv4 socket has no such option
    });
}

TEST_P(streams, the_end_is_told_as_often_as_it_is_asked_for) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.send("last words"));
        must(co_await pair.near.close());
        EXPECT_EQ(co_await receive_to_end(pair.far), "last words");
        for (int i = 0; i < 3; ++i) {
            const lease again = must(co_await pair.far.receive());
            EXPECT_TRUE(again.empty());
        }
    });
}

TEST_P(streams, a_reset_is_told_and_not_mistaken_for_an_end) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.set_option(net::socket_option::linger, 0));
        must(co_await pair.near.close());
        for (int i = 0; i < 3; ++i) {
            const auto received = co_await pair.far.receive();
            EXPECT_TRUE(is_error(received, std::errc::connection_reset)) << i;
        }
    });
}

TEST_P(streams, a_reset_under_a_waiting_receive_is_told) {
    run([]() -> task<> {
        auto pair = co_await connected();
        std::optional<result<lease>> outcome;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pair.far), outcome));
            co_await turns(3);
            must(co_await pair.near.set_option(net::socket_option::linger, 0));
            must(co_await pair.near.close());
            co_await s.join();
        });
        EXPECT_TRUE(is_error(*outcome, std::errc::connection_reset));
    });
}

// Each receive is cancelled within its turn, so what the background receive ends with and the next call to receive()
// meet in every order.
TEST_P(streams, a_reset_between_cancelled_receives_is_told) {
    run([]() -> task<> {
        for (int delay = 0; delay < 4; ++delay) {
            auto pair = co_await connected();
            must(co_await pair.near.set_option(net::socket_option::linger, 0));
            auto outcome = co_await cancelled_after(1, receive_from(pair.far));
            EXPECT_TRUE(is_cancelled(outcome));
            must(co_await pair.near.close());
            co_await turns(delay);
            while (is_cancelled(outcome)) outcome = co_await cancelled_after(1, receive_from(pair.far));
            EXPECT_TRUE(is_error(outcome, std::errc::connection_reset)) << delay;
        }
    });
}

TEST_P(streams, sending_to_who_is_gone_is_an_error_and_no_signal) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.far.close());
        result<void> sent;
        while (sent) {
            sent = co_await pair.near.send("anybody there?");
            co_await turns(1);
        }
        EXPECT_TRUE(sent.error() == std::errc::broken_pipe || sent.error() == std::errc::connection_reset)
            << sent.error().message();
    });
}

TEST_P(streams, sending_after_ones_own_end_is_a_broken_pipe) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.shutdown_send());
        const auto sent = co_await pair.near.send("one thing more");
        EXPECT_TRUE(is_error(sent, std::errc::broken_pipe));
    });
}

TEST_P(streams, a_second_receive_or_send_at_a_time_is_refused) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const std::string much = pattern(16 << 20);
        std::optional<result<lease>> first_receive;
        std::optional<result<void>> first_send;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pair.near), first_receive));
            spawn(s, keep(send_to(pair.near, much), first_send));
            co_await turns(2);
            EXPECT_FALSE(first_receive || first_send);
            const auto received = co_await pair.near.receive();
            EXPECT_TRUE(is_error(received, std::errc::device_or_resource_busy));
            const auto sent = co_await pair.near.send("x");
            EXPECT_TRUE(is_error(sent, std::errc::device_or_resource_busy));
            must(co_await pair.far.send("answer"));
            EXPECT_TRUE(same_bytes(co_await receive_exactly(pair.far, much.size()), much));
            co_await s.join();
        });
        EXPECT_EQ(must(std::move(*first_receive)).text(), "answer");
        EXPECT_TRUE(succeeds(*first_send));
    });
}

TEST_P(streams, nothing_to_send_is_sent_at_once) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.send(""));
        must(co_await pair.near.send(std::span<const io_slice>()));
        const io_slice empty[3]{};
        must(co_await pair.near.send(std::span(empty)));
        must(co_await pair.near.send("x"));
        EXPECT_EQ(co_await receive_exactly(pair.far, 1), "x");
    });
}

task<> send_slices(net::stream& to, const std::vector<io_slice>& slices) {
    must(co_await to.send(std::span(slices)));
    must(co_await to.shutdown_send());
}

std::vector<io_slice> cut(const std::string& text, std::size_t count) {
    std::vector<io_slice> slices;
    std::size_t at = 0;
    for (std::size_t i = 0; i < count; ++i) {
        // Of every length, none among them.
        const std::size_t left = text.size() - at;
        const std::size_t size =
            i + 1 == count ? left : std::min(left, i % 7 == 3 ? 0 : 2 * text.size() / count * (i % 3) / 2);
        slices.emplace_back(std::string_view(text).substr(at, size));
        at += size;
    }
    return slices;
}

TEST_P(streams, many_slices_are_sent_whole_and_in_order) {
    run([]() -> task<> {
        for (const std::size_t count :
             {std::size_t{2}, std::size_t{63}, std::size_t{IOV_MAX}, std::size_t{2 * IOV_MAX + 17}}) {
            auto pair = co_await connected();
            const std::string text = pattern(3 << 20, static_cast<unsigned>(count));
            const std::vector<io_slice> slices = cut(text, count);
            co_await with_scope([&](scope& s) -> task<> {
                spawn(s, send_slices(pair.near, slices));
                EXPECT_TRUE(same_bytes(co_await receive_to_end(pair.far), text)) << count << " slices";
                co_await s.join();
            });
        }
    });
}

TEST_P(streams, a_send_larger_than_every_buffer_goes_on_until_all_is_taken) {
    run([]() -> task<> {
        auto pair = co_await connected();
        must(co_await pair.near.set_option(net::socket_option::send_buffer, 8192));
        const std::string text = pattern(1 << 20);
        co_await with_scope([&](scope& s) -> task<> {
            const std::vector<io_slice> one = cut(text, 1);
            spawn(s, send_slices(pair.near, one));
            EXPECT_TRUE(same_bytes(co_await receive_to_end(pair.far), text));
            co_await s.join();
        });
    });
}

TEST_P(streams, short_pieces_arrive_as_they_come) {
    run([]() -> task<> {
        auto pair = co_await connected();
        for (const char* piece : {"a", "bc", "def"}) {
            must(co_await pair.near.send(std::string_view(piece)));
            const lease got = must(co_await pair.far.receive());
            EXPECT_EQ(got.text(), piece);
        }
    });
}

TEST_P(streams, more_than_a_buffer_arrives_in_pieces_of_at_most_one) {
    loop_options small = options();
    small.buffers.buffer_size = 256;
    run(small, []() -> task<> {
        auto pair = co_await connected();
        const std::string text = pattern(10000);
        must(co_await pair.near.send(text));
        must(co_await pair.near.shutdown_send());
        std::string all;
        for (;;) {
            const lease piece = must(co_await pair.far.receive());
            if (piece.empty()) break;
            EXPECT_LE(piece.size(), 256U);
            all += piece.text();
        }
        EXPECT_TRUE(same_bytes(all, text));
    });
}

TEST_P(streams, both_directions_at_full_speed_at_once) {
    run([]() -> task<> {
        auto pair = co_await connected();
        const std::string there = pattern(6 << 20, 1);
        const std::string back = pattern(6 << 20, 2);
        std::string at_far;
        std::string at_near;
        co_await with_scope([&](scope& s) -> task<> {
            const std::vector<io_slice> one = cut(there, 1);
            const std::vector<io_slice> other = cut(back, 1);
            spawn(s, send_slices(pair.near, one));
            spawn(s, send_slices(pair.far, other));
            auto [first, second] = co_await when_all(receive_to_end(pair.near), receive_to_end(pair.far));
            at_near = std::move(first);
            at_far = std::move(second);
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(at_far, there));
        EXPECT_TRUE(same_bytes(at_near, back));
    });
}

TEST_P(streams, a_stream_outlives_the_run_that_made_it) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    {
        const watched watching(*l);
        auto pair = l->run(connected());
        l->run([](net::stream& near) -> task<> { must(co_await near.send("hello")); }(pair.near));
        EXPECT_EQ(l->run(receive_exactly(pair.far, 5)), "hello");
        // Dropped here, outside of run().
    }
    expect_idle(*l);
}

}  // namespace
}  // namespace penstock::testing
