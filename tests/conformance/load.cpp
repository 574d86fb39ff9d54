// Load: thousands of connections, more operations than any queue holds, completion queues that overflow.
#include "support/on_backend.hpp"

#include <vector>

namespace penstock::testing {
namespace {

using load = on_backend;
PENSTOCK_ON_EVERY_BACKEND(load);

task<> talk(endpoint to, std::size_t number, int rounds) {
    auto s = must(co_await net::connect(to));
    for (int i = 0; i < rounds; ++i) {
        const std::string text = std::to_string(number) + "/" + std::to_string(i);
        must(co_await s.send(text));
        EXPECT_EQ(co_await receive_exactly(s, text.size()), text);
    }
    must(co_await s.close());
}

task<> serve_connections(net::listener& door, scope& sessions, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) spawn(sessions, echo(must(co_await door.accept())));
}

task<> echo_load(std::size_t connections, int rounds) {
    auto door = must(co_await net::listen(endpoint::loopback(0)));
    const endpoint at = must(co_await door.local_endpoint());
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, serve_connections(door, s, connections));
        for (std::size_t i = 0; i < connections; ++i) spawn(s, talk(at, i, rounds));
        co_await s.join();
    });
}

// All connections are open before the first says something, and each then talks.
TEST_P(load, five_thousand_connections_at_once) {
    const std::size_t count = scaled(full_scale() ? 9000 : 5000, 1);
    run([&]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        std::vector<net::stream> near;
        std::vector<net::stream> far;
        for (std::size_t i = 0; i < count; ++i) {
            near.push_back(must(co_await net::connect(at)));
            far.push_back(must(co_await door.accept()));
        }
        const auto greet = [](net::stream& s, std::size_t number) -> task<> {
            const std::string expected = "hello " + std::to_string(number);
            EXPECT_EQ(co_await receive_exactly(s, expected.size()), expected);
            must(co_await s.send(expected));
        };
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < count; ++i) spawn(s, greet(far[i], i));
            co_await turns(5);
            for (std::size_t i = 0; i < count; ++i) must(co_await near[i].send("hello " + std::to_string(i)));
            for (std::size_t i = 0; i < count; ++i) {
                const std::string expected = "hello " + std::to_string(i);
                EXPECT_EQ(co_await receive_exactly(near[i], expected.size()), expected);
            }
            co_await s.join();
        });
    });
}

TEST_P(load, hundreds_of_conversations_at_once) {
    run([&]() -> task<> { co_await echo_load(scaled(500, 3), 20); });
}

TEST_P(load, more_operations_than_the_submission_queue_holds) {
    for (const std::uint32_t entries : {2U, 8U}) {
        loop_options small = options();
        small.bounds.queue_entries = entries;
        run(small, [&]() -> task<> { co_await echo_load(scaled(300, 3), 5); });
    }
}

TEST_P(load, cancelling_more_than_the_submission_queue_holds) {
    const std::size_t count = scaled(300, 1);
    loop_options small = options();
    small.bounds.queue_entries = 2;
    run(small, [&]() -> task<> {
        std::vector<stream_pair> pairs;
        for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected());
        std::vector<std::optional<result<lease>>> received(count);
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < count; ++i) spawn(s, keep(receive_from(pairs[i].far), received[i]));
            co_await turns(3);
        });
        for (const auto& r : received) EXPECT_TRUE(is_cancelled(*r));
        pairs.clear();  // and closing as many
    });
}

task<> receive_numbers(net::stream& from, int count) {
    std::string expected;
    for (int i = 0; i < count; ++i) expected += std::to_string(i) + ",";
    EXPECT_EQ(co_await receive_exactly(from, expected.size()), expected);
}

// Every stream has something at the same moment, far more than the completion queue holds.
TEST_P(load, a_completion_queue_that_overflows_loses_nothing) {
    const std::size_t count = scaled(500, 1);
    loop_options small = options();
    small.bounds.queue_entries = 4;
    small.bounds.completion_entries = 4;
    const auto l = make_loop(small);
    ASSERT_NE(l, nullptr);
    const auto burst = [&]() -> task<> {
        constexpr int rounds = 20;
        std::vector<stream_pair> pairs;
        for (std::size_t i = 0; i < count; ++i) pairs.push_back(co_await connected());
        co_await with_scope([&](scope& s) -> task<> {
            for (stream_pair& pair : pairs) spawn(s, receive_numbers(pair.far, rounds));
            co_await turns(3);
            for (int round = 0; round < rounds; ++round) {
                std::vector<task<result<void>>> sends;
                for (stream_pair& pair : pairs) sends.push_back(send_to(pair.near, std::to_string(round) + ","));
                for (auto& sent : co_await when_all(std::move(sends))) must(std::move(sent));
            }
            co_await s.join();
        });
    };
    run_on(*l, burst);
    // The one backend that can be sent more than its queue holds must have been; the others ask, and take what fits.
    EXPECT_TRUE(l->statistics().overflows > 0 || backend() != "io_uring");
}

TEST_P(load, connections_that_come_and_go) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        const std::size_t count = full_scale() ? 5000 : 1000;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, serve_connections(door, s, count));
            for (std::size_t i = 0; i < count; ++i) co_await talk(at, i, 1);
            co_await s.join();
        });
    });
}

// Waits beyond what the backend can hold are refused one by one, with an error that names the bound; the rest goes on.
TEST_P(load, more_waits_than_the_backend_can_hold_are_refused_one_by_one) {
    loop_options few = options();
    few.bounds.max_threads = 16;
    few.buffers = {};  // each of them keeps what it receives
    backend_report here;
    for (backend_report& report : survey_backends(few.bounds)) {
        if (report.name == backend()) here = std::move(report);
    }
    if (here.capabilities.most_waiting == 0) GTEST_SKIP() << "only memory limits how many operations may wait";
    const std::size_t most = here.capabilities.most_waiting;
    run(few, [&]() -> task<> {
        std::vector<stream_pair> pairs;
        for (std::size_t i = 0; i < most + 5; ++i) pairs.push_back(co_await connected());
        std::vector<std::optional<result<lease>>> received(pairs.size());
        std::size_t refused = 0;
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < pairs.size(); ++i) spawn(s, keep(receive_from(pairs[i].far), received[i]));
            co_await turns(3);
            for (stream_pair& pair : pairs) must(co_await pair.near.send("x"));
            co_await s.join();
        });
        for (const auto& r : received) {
            if (r->has_value()) continue;
            EXPECT_TRUE(is_error(*r, errc::too_many_blocked_operations));
            EXPECT_NE(r->error().message().find(std::to_string(most)), std::string::npos) << r->error().message();
            ++refused;
        }
        EXPECT_EQ(refused, 5U);
        // A refusal is not the end of the stream.
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            if (received[i]->has_value()) continue;
            EXPECT_EQ(co_await receive_exactly(pairs[i].far, 1), "x");
        }
    });
}

}  // namespace
}  // namespace penstock::testing
