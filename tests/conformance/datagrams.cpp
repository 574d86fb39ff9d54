// Datagrams over UDP and over Unix sockets.
#include "support/on_backend.hpp"

#include <unistd.h>

#include <array>
#include <string>

namespace penstock::testing {
namespace {

using datagrams = on_backend;
PENSTOCK_ON_EVERY_BACKEND(datagrams);

struct socket_pair {
    net::datagram_socket near;
    net::datagram_socket far;
    endpoint near_at;
    endpoint far_at;
};

task<socket_pair> two_sockets(endpoint at = endpoint::loopback(0), net::datagram_options far = {}) {
    socket_pair made;
    made.near = must(co_await net::bind_datagram(at));
    made.far = must(co_await net::bind_datagram(at, far));
    made.near_at = must(co_await made.near.local_endpoint());
    made.far_at = must(co_await made.far.local_endpoint());
    co_return made;
}

/// Nobody else has it: it names this process and counts on.
endpoint unused_path() {
    static int count = 0;
    return *endpoint::parse("unix:@penstock-datagrams-" + std::to_string(::getpid()) + "-" + std::to_string(++count));
}

struct received {
    std::string text;
    net::datagram about;
};

task<result<received>> receive_one(net::datagram_socket& from, std::size_t room = 65536) {
    std::string text(room, '\0');
    const auto about = co_await from.receive(std::as_writable_bytes(std::span(text)));
    if (!about) co_return std::unexpected(about.error());
    text.resize(about->size);
    co_return received{std::move(text), *about};
}

task<result<void>> send_one(net::datagram_socket& by, std::string text, endpoint to) {
    co_return co_await by.send_to(std::string_view(text), to);
}

TEST_P(datagrams, come_whole_and_say_who_sent_them) {
    run([]() -> task<> {
        for (const endpoint& at : {endpoint::loopback(0), endpoint::loopback6(0)}) {
            socket_pair pair = co_await two_sockets(at);
            const std::string large = pattern(9000);
            for (const std::string& text : {std::string("one"), std::string(), large}) {
                must(co_await pair.near.send_to(std::string_view(text), pair.far_at));
            }
            for (const std::string& text : {std::string("one"), std::string(), large}) {
                const received r = must(co_await receive_one(pair.far));
                EXPECT_TRUE(same_bytes(r.text, text));
                EXPECT_EQ(r.about.from.to_string(), pair.near_at.to_string());
                EXPECT_FALSE(r.about.truncated);
                EXPECT_EQ(r.about.segment, 0);
            }
        }
    });
}

TEST_P(datagrams, a_receive_waits_for_one) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        for (int i = 0; i < 3; ++i) {
            co_await with_scope([&](scope& s) -> task<> {
                std::optional<result<received>> got;
                spawn(s, keep(receive_one(pair.far), got));
                co_await turns(i);
                must(co_await pair.near.send_to(std::to_string(i), pair.far_at));
                co_await s.join();
                EXPECT_EQ(must(std::move(*got)).text, std::to_string(i));
            });
        }
    });
}

TEST_P(datagrams, are_gathered_from_slices_and_scattered_to_them) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        const std::array<io_slice, 3> parts{io_slice(std::string_view("ab")), io_slice(std::string_view("")),
                                            io_slice(std::string_view("cde"))};
        must(co_await pair.near.send_to(parts, pair.far_at));
        std::string first(1, '.');
        std::string rest(9, '.');
        const std::array<io_slice, 2> into{io_slice(first.data(), first.size()), io_slice(rest.data(), rest.size())};
        const auto got = must(co_await pair.far.receive(into));
        EXPECT_EQ(got.size, 5U);
        EXPECT_EQ(first + rest, "abcde.....");
    });
}

TEST_P(datagrams, one_that_is_longer_than_the_memory_says_so) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        must(co_await pair.near.send_to(std::string_view("too long"), pair.far_at));
        must(co_await pair.near.send_to(std::string_view("next"), pair.far_at));
        const received cut = must(co_await receive_one(pair.far, 3));
        EXPECT_EQ(cut.text, "too");
        EXPECT_TRUE(cut.about.truncated);
        const received whole = must(co_await receive_one(pair.far, 4));
        EXPECT_EQ(whole.text, "next");
        EXPECT_FALSE(whole.about.truncated);
    });
}

TEST_P(datagrams, a_connected_socket_hears_its_peer_only) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        auto client = must(co_await net::connect_datagram(pair.far_at));
        const endpoint at = must(co_await client.local_endpoint());
        EXPECT_EQ(must(co_await client.peer_endpoint()).to_string(), pair.far_at.to_string());
        must(co_await client.send(std::string_view("question")));
        const received asked = must(co_await receive_one(pair.far));
        EXPECT_EQ(asked.text, "question");
        EXPECT_EQ(asked.about.from.to_string(), at.to_string());
        must(co_await pair.near.send_to(std::string_view("from a stranger"), at));
        must(co_await pair.far.send_to(std::string_view("answer"), at));
        EXPECT_EQ(must(co_await receive_one(client)).text, "answer");

        must(co_await client.connect(pair.near_at));
        must(co_await client.send(std::string_view("hello")));
        EXPECT_EQ(must(co_await receive_one(pair.near)).text, "hello");
    });
}

/// A port at which nobody is.
task<endpoint> empty_port() {
    auto gone = must(co_await net::bind_datagram(endpoint::loopback(0)));
    const endpoint at = must(co_await gone.local_endpoint());
    must(co_await gone.close());
    co_return at;
}

TEST_P(datagrams, nobody_at_the_port_is_an_error_of_what_follows) {
    run([]() -> task<> {
        auto client = must(co_await net::connect_datagram(co_await empty_port()));
        must(co_await client.send(std::string_view("anybody")));
        const auto later = co_await receive_one(client);
        EXPECT_TRUE(is_error(later, std::errc::connection_refused));
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<received>> waiting;
            spawn(s, keep(receive_one(client), waiting));
            co_await turns(3);
            static_cast<void>(co_await client.send(std::string_view("anybody")));
            co_await s.join();
            EXPECT_TRUE(is_error(*waiting, std::errc::connection_refused));
        });
        // It is told once, and the socket is as good as before.
        socket_pair pair = co_await two_sockets();
        must(co_await client.connect(pair.far_at));
        must(co_await client.send(std::string_view("hello")));
        EXPECT_EQ(must(co_await receive_one(pair.far)).text, "hello");
    });
}

TEST_P(datagrams, what_cannot_be_sent_is_an_error) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        const std::string longest = pattern(65'507);
        const std::string too_long = longest + "x";
        EXPECT_TRUE(is_error(co_await send_one(pair.near, too_long, pair.far_at), std::errc::message_size));
        const auto nowhere = co_await pair.near.send(std::string_view("x"));
        EXPECT_TRUE(is_error(nowhere, std::errc::destination_address_required));
        must(co_await pair.near.send_to(std::string_view(longest), pair.far_at));
        EXPECT_TRUE(same_bytes(must(co_await receive_one(pair.far)).text, longest));
        net::datagram_socket closed;
        const auto bad = co_await closed.send(std::string_view("x"));
        EXPECT_TRUE(is_error(bad, std::errc::bad_file_descriptor));
        EXPECT_TRUE(is_error(co_await receive_one(closed), std::errc::bad_file_descriptor));
        EXPECT_TRUE(is_error(co_await closed.connect(pair.far_at), std::errc::bad_file_descriptor));
        const auto taken = co_await net::bind_datagram(pair.far_at);
        EXPECT_TRUE(is_error(taken, std::errc::address_in_use));
    });
}

TEST_P(datagrams, a_second_receive_is_refused_while_one_waits) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<received>> first;
            spawn(s, keep(receive_one(pair.far), first));
            co_await turns(2);
            EXPECT_TRUE(is_error(co_await receive_one(pair.far), std::errc::device_or_resource_busy));
            must(co_await pair.near.send_to(std::string_view("x"), pair.far_at));
            co_await s.join();
            EXPECT_EQ(must(std::move(*first)).text, "x");
        });
    });
}

TEST_P(datagrams, a_cancelled_receive_has_taken_nothing) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        for (const int after : moments) {
            EXPECT_TRUE(is_cancelled(co_await cancelled_after(after, receive_one(pair.far))));
        }
        must(co_await pair.near.send_to(std::string_view("first"), pair.far_at));
        must(co_await pair.near.send_to(std::string_view("second"), pair.far_at));
        std::string all;
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, receive_one(pair.far));
            EXPECT_TRUE(r.has_value() || is_cancelled(r));
            if (r) all += r->text;
        }
        while (all.size() < 11) all += must(co_await receive_one(pair.far)).text;
        EXPECT_EQ(all, "firstsecond");
    });
}

TEST_P(datagrams, closing_ends_the_receive_of_another_task) {
    run([]() -> task<> {
        for (const int after : moments) {
            socket_pair pair = co_await two_sockets();
            co_await with_scope([&](scope& s) -> task<> {
                std::optional<result<received>> waiting;
                spawn(s, keep(receive_one(pair.far), waiting));
                co_await turns(after);
                if (after == 3) {
                    pair.far = {};
                } else {
                    must(co_await pair.far.close());
                }
                co_await s.join();
                EXPECT_TRUE(is_cancelled(*waiting) || is_error(*waiting, std::errc::bad_file_descriptor));
            });
        }
    });
}

/// As many datagrams as `bytes` are segments, in their order, however they come.
task<> expect_segments(net::datagram_socket& from, const std::string& bytes, std::size_t segment) {
    std::string all;
    while (all.size() < bytes.size()) {
        const received r = must(co_await receive_one(from));
        const std::size_t each = r.about.segment != 0 ? r.about.segment : r.text.size();
        EXPECT_EQ(all.size() % segment, 0U) << "a segment that is no whole one is not the last";
        EXPECT_EQ(each, std::min(segment, bytes.size() - all.size()));
        if (r.text.empty()) break;
        all += r.text;
    }
    EXPECT_TRUE(same_bytes(all, bytes));
}

TEST_P(datagrams, are_cut_from_many_segments) {
    run([]() -> task<> {
        const std::string bytes = pattern(10'050);
        for (const bool here : {false, true}) {
            for (const endpoint& at : {endpoint::loopback(0), endpoint::loopback6(0)}) {
                auto far = must(co_await net::bind_datagram(at));
                auto near = must(co_await net::bind_datagram(at, {.segment_here = here}));
                EXPECT_FALSE(here && near.segments_in_kernel());
                const endpoint to = must(co_await far.local_endpoint());
                const auto all = std::as_bytes(std::span(bytes));
                must(co_await near.send_segments(all, 100, to));
                co_await expect_segments(far, bytes, 100);
                must(co_await near.connect(to));
                must(co_await near.send_segments(all, 3000));
                co_await expect_segments(far, bytes, 3000);
                must(co_await near.send_segments(all.first(10), 10));
                co_await expect_segments(far, bytes.substr(0, 10), 10);
                must(co_await near.send_segments(all, 0));
                co_await expect_segments(far, bytes, bytes.size());
            }
        }
    });
}

TEST_P(datagrams, segments_that_are_sent_together_may_come_together) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets(endpoint::loopback(0), {.join_segments = true});
        const std::string bytes = pattern(4'030);
        must(co_await pair.near.send_segments(std::as_bytes(std::span(bytes)), 100, pair.far_at));
        if (!pair.far.joins_segments() || !pair.near.segments_in_kernel()) {
            co_await expect_segments(pair.far, bytes, 100);
            co_return;
        }
        const received r = must(co_await receive_one(pair.far));
        EXPECT_EQ(r.about.segment, 100);
        EXPECT_TRUE(same_bytes(r.text, bytes)) << "neither side has cut them";
        must(co_await pair.near.send_to(std::string_view("alone"), pair.far_at));
        EXPECT_EQ(must(co_await receive_one(pair.far)).about.segment, 0);
    });
}

// What explain() says of this kernel is what sockets do. That it is used, the two cases above show by what comes.
TEST_P(datagrams, whether_segments_are_cut_and_joined_is_explained) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets(endpoint::loopback(0), {.join_segments = true});
        const std::vector<feature_report>& features = current_loop->explain().features;
        const auto cuts = std::ranges::find(features, "UDP_SEGMENT", &feature_report::name);
        const auto joins = std::ranges::find(features, "UDP_GRO", &feature_report::name);
        EXPECT_NE(cuts, features.end());
        EXPECT_NE(joins, features.end());
        if (cuts == features.end() || joins == features.end()) co_return;
        EXPECT_EQ(cuts->on, pair.near.segments_in_kernel());
        EXPECT_EQ(joins->on, pair.far.joins_segments());
        EXPECT_NE(cuts->detail, "");
        EXPECT_NE(joins->detail, "");
    });
}

TEST_P(datagrams, beyond_the_receivers_queue_they_are_lost_and_nobody_waits) {
    run([]() -> task<> {
        socket_pair pair = co_await two_sockets();
        must(co_await pair.far.set_option(net::socket_option::receive_buffer, 8192));
        constexpr int sent = 200;
        const std::string text = pattern(1000);
        for (int i = 0; i < sent; ++i) must(co_await pair.near.send_to(std::string_view(text), pair.far_at));
        int came = 0;
        for (; came <= sent; ++came) {
            const auto r = co_await with_timeout(20ms, receive_one(pair.far));
            if (!r) break;
            EXPECT_TRUE(same_bytes(r->text, text));
        }
        EXPECT_GT(came, 0);
        EXPECT_LT(came, sent);
        must(co_await pair.near.send_to(std::string_view("there is room again"), pair.far_at));
        EXPECT_EQ(must(co_await receive_one(pair.far)).text, "there is room again");
    });
}

TEST_P(datagrams, over_a_unix_socket_none_is_lost_and_a_full_queue_is_an_error) {
    run([]() -> task<> {
        const endpoint at = unused_path();
        auto far = must(co_await net::bind_datagram(at));
        auto near = must(co_await net::connect_datagram(at));
        auto other = must(co_await net::bind_datagram(unused_path()));
        const std::string text = pattern(1000);
        int sent = 0;
        for (; sent < 10'000; ++sent) {
            const auto r = co_await near.send(std::string_view(text));
            if (r) continue;
            EXPECT_TRUE(is_error(r, std::errc::no_buffer_space));
            break;
        }
        EXPECT_GT(sent, 0);
        EXPECT_LT(sent, 10'000);
        for (int i = 0; i < sent; ++i) {
            const received r = must(co_await receive_one(far));
            EXPECT_TRUE(same_bytes(r.text, text));
            EXPECT_EQ(r.about.from.family(), address_family::none) << "who sent it has no address";
        }
        must(co_await near.send(std::string_view("there is room again")));
        must(co_await other.send_to(std::string_view("from a path"), at));
        EXPECT_EQ(must(co_await receive_one(far)).text, "there is room again");
        const received named = must(co_await receive_one(far));
        EXPECT_EQ(named.about.from.to_string(), must(co_await other.local_endpoint()).to_string());
        EXPECT_TRUE(is_error(co_await send_one(near, "x", unused_path()), std::errc::connection_refused));
    });
}

}  // namespace
}  // namespace penstock::testing
