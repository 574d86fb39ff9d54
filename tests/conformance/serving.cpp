// serve(): sessions begin at the first bytes, the connection limit holds, and ending is a drain.
#include "support/on_backend.hpp"
#include <penstock/serve.hpp>

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace penstock::testing {
namespace {

using serving = on_backend;

task<net::after> answer(net::stream& peer) {
    do {
        const auto received = co_await peer.receive();
        if (!received || received->empty()) co_return net::after::close;
        if (!co_await peer.send(received->bytes())) co_return net::after::close;
    } while (peer.has_input());
    co_return net::after::idle;
}

thread_local constinit int slow_answers = 0;  // begun

/// Answers after a while, unless it is cancelled meanwhile.
task<net::after> answer_after(duration pause, net::stream& peer) {
    const lease question = must(co_await peer.receive());
    ++slow_answers;
    if (!co_await sleep_for(pause)) co_return net::after::close;
    must(co_await peer.send(question.bytes()));
    co_return net::after::close;
}
task<net::after> answer_slowly(net::stream& peer) { return answer_after(100ms, peer); }
task<net::after> answer_too_late(net::stream& peer) { return answer_after(long_time, peer); }

/// Serves with `handler` while `clients(where)`, a task, runs.
template <class Handler, class Clients>
task<> serve_while(net::serve_options options, Handler handler, Clients clients) {
    auto door = must(co_await net::listen(endpoint::loopback(0)));
    const endpoint where = must(co_await door.local_endpoint());
    co_await with_scope([&](scope& s) -> task<> {
        s.spawn(net::serve(door, options, handler));
        co_await clients(where);
    });
    must(co_await door.close());
}

task<std::string> ask(net::stream& server, std::string question) {
    must(co_await server.send(question));
    co_return co_await receive_exactly(server, question.size());
}

TEST_P(serving, answers_each_connection_again_and_again) {
    run([]() -> task<> {
        co_await serve_while({}, answer, [](endpoint where) -> task<> {
            std::vector<net::stream> clients;
            for (int i = 0; i < 20; ++i) clients.push_back(must(co_await net::connect(where)));
            for (int round = 0; round < 5; ++round) {
                for (net::stream& c : clients) EXPECT_EQ(co_await ask(c, "hello"), "hello");
            }
        });
    });
}

TEST_P(serving, idle_connections_own_neither_frame_nor_buffer) {
    run([&]() -> task<> {
        co_await serve_while({}, answer, [](endpoint where) -> task<> {
            std::vector<net::stream> clients;
            clients.push_back(must(co_await net::connect(where)));
            EXPECT_EQ(co_await ask(clients[0], "hello"), "hello");
            co_await sleep_for(20ms);
            const loop_statistics one = current_loop->statistics();
            for (int i = 1; i < 50; ++i) {
                clients.push_back(must(co_await net::connect(where)));
                EXPECT_EQ(co_await ask(clients.back(), "hello"), "hello");
            }
            co_await sleep_for(20ms);
            const loop_statistics fifty = current_loop->statistics();
            // Two records for each, the client's and the server's, are all that is in the arena.
            EXPECT_EQ(fifty.frames.in_use - one.frames.in_use, 2 * 49U);
            EXPECT_EQ(fifty.buffers.in_use, one.buffers.in_use);
        });
    });
}

TEST_P(serving, at_the_connection_limit_accepting_pauses_until_one_closes) {
    run([]() -> task<> {
        co_await serve_while({.most_connections = 3}, answer, [](endpoint where) -> task<> {
            std::vector<net::stream> clients;
            for (int i = 0; i < 8; ++i) {
                clients.push_back(must(co_await net::connect(where)));
                must(co_await clients.back().send("hello"));
            }
            for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(co_await receive_exactly(clients[i], 5), "hello");
            const auto fourth = co_await with_timeout(50ms, clients[3].receive());
            EXPECT_TRUE(is_error(fourth, std::errc::timed_out));
            EXPECT_GE(current_loop->statistics().connection_waits, 1U);
            for (std::size_t i = 3; i < clients.size(); ++i) {
                must(co_await clients[i - 3].close());
                EXPECT_EQ(co_await receive_exactly(clients[i], 5), "hello");
            }
        });
    });
}

TEST_P(serving, sessions_under_way_end_within_the_drain_limit) {
    slow_answers = 0;
    run([]() -> task<> {
        std::vector<net::stream> clients;
        co_await serve_while({.drain_limit = 1min}, answer_slowly, [&](endpoint where) -> task<> {
            for (int i = 0; i < 5; ++i) {
                clients.push_back(must(co_await net::connect(where)));
                must(co_await clients.back().send("hello"));
            }
            co_await until([] { return slow_answers == 5; });  // serving ends now, with five answers owed
        });
        for (net::stream& c : clients) EXPECT_EQ(co_await receive_exactly(c, 5), "hello");
        EXPECT_EQ(current_loop->statistics().drains_cut, 0U);
    });
}

TEST_P(serving, sessions_beyond_the_drain_limit_are_cancelled) {
    slow_answers = 0;
    run([]() -> task<> {
        std::vector<net::stream> clients;
        co_await serve_while({.drain_limit = 10ms}, answer_too_late, [&](endpoint where) -> task<> {
            for (int i = 0; i < 5; ++i) {
                clients.push_back(must(co_await net::connect(where)));
                must(co_await clients.back().send("hello"));
            }
            co_await until([] { return slow_answers == 5; });
        });
        for (net::stream& c : clients) EXPECT_EQ(co_await receive_to_end(c), "");
        EXPECT_EQ(current_loop->statistics().drains_cut, 5U);
    });
}

TEST_P(serving, connections_idle_for_too_long_are_closed_and_others_are_not) {
    run([]() -> task<> {
        co_await serve_while({.idle_limit = 160ms}, answer, [](endpoint where) -> task<> {
            auto quiet = must(co_await net::connect(where));
            auto busy = must(co_await net::connect(where));
            EXPECT_EQ(co_await ask(quiet, "hello"), "hello");
            const time_point began = current_loop->read_clock();
            for (int i = 0; i < 20; ++i) {
                EXPECT_EQ(co_await ask(busy, "hello"), "hello");
                co_await sleep_for(20ms);
            }
            EXPECT_TRUE(must(co_await quiet.receive()).empty());
            EXPECT_GE(current_loop->read_clock() - began, 160ms);
            EXPECT_EQ(co_await ask(busy, "hello"), "hello");
        });
    });
}

TEST_P(serving, a_request_within_the_grace_is_answered_though_serving_has_ended) {
    run([]() -> task<> {
        std::optional<net::stream> late;
        std::optional<net::stream> never;
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint where = must(co_await door.local_endpoint());
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn(net::serve(door, {.idle_grace = 500ms, .close_listener = true}, answer));
            late.emplace(must(co_await net::connect(where)));
            never.emplace(must(co_await net::connect(where)));
            EXPECT_EQ(co_await ask(*late, "hello"), "hello");
            EXPECT_EQ(co_await ask(*never, "hello"), "hello");
            s.cancel();
            co_await until([&] { return !door.open(); });
            co_await sleep_for(20ms);
            const auto refused = co_await net::connect(where);
            EXPECT_TRUE(is_error(refused, std::errc::connection_refused));
            EXPECT_EQ(co_await ask(*late, "and now?"), "and now?");
            co_await s.join();
        });
        EXPECT_EQ(co_await receive_to_end(*late), "");
        EXPECT_EQ(co_await receive_to_end(*never), "");
    });
}

PENSTOCK_ON_EVERY_BACKEND(serving);

}  // namespace
}  // namespace penstock::testing
