// Listeners: binding, accepting, the backlog, draining, pausing at a bound.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace penstock::testing {
namespace {

using listeners = on_backend;
PENSTOCK_ON_EVERY_BACKEND(listeners);

TEST_P(listeners, an_address_in_use_is_told) {
    run([]() -> task<> {
        auto first = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await first.local_endpoint());
        const auto second = co_await net::listen(at);
        EXPECT_TRUE(is_error(second, std::errc::address_in_use));
        must(co_await first.close());
        auto third = must(co_await net::listen(at));  // at once: the address is reused by default
        EXPECT_EQ(must(co_await third.local_endpoint()), at);
    });
}

TEST_P(listeners, an_address_of_another_machine_is_told) {
    run([]() -> task<> {
        const auto r = co_await net::listen(endpoint::parse("192.0.2.1:0").value());
        EXPECT_TRUE(is_error(r, std::errc::address_not_available));
    });
}

TEST_P(listeners, a_path_in_the_way_is_told_or_removed) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const endpoint at = endpoint::parse("unix:" + directory / "socket").value();
        {
            auto first = must(co_await net::listen(at));
            must(co_await first.close());  // leaves the path
        }
        const auto in_the_way = co_await net::listen(at);
        EXPECT_TRUE(is_error(in_the_way, std::errc::address_in_use));
        auto second = must(co_await net::listen(at, {.unlink_existing = true}));
        auto near = must(co_await net::connect(at));
        auto far = must(co_await second.accept());
        if (capabilities().own_world) co_return;  // where directories are not kept
        const auto absent = co_await net::listen(endpoint::parse("unix:" + directory / "no/such/folder").value());
        EXPECT_TRUE(is_error(absent, std::errc::no_such_file_or_directory));
    });
}

TEST_P(listeners, a_shared_port_takes_two_listeners) {
    run([]() -> task<> {
        auto first = must(co_await net::listen(endpoint::loopback(0), {.reuse_port = true}));
        const endpoint at = must(co_await first.local_endpoint());
        auto second = must(co_await net::listen(at, {.reuse_port = true}));
        EXPECT_EQ(must(co_await second.local_endpoint()), at);
        const auto alone = co_await net::listen(at);
        EXPECT_TRUE(is_error(alone, std::errc::address_in_use));
    });
}

TEST_P(listeners, an_ipv6_wildcard_takes_ipv4_unless_told_otherwise) {
    run([]() -> task<> {
        for (const bool only : {false, true}) {
            auto door = must(co_await net::listen(endpoint::parse("[::]:0").value(), {.ipv6_only = only}));
            const std::uint16_t port = must(co_await door.local_endpoint()).port();
            const auto over6 = co_await net::connect(endpoint::loopback6(port));
            EXPECT_TRUE(succeeds(over6));
            const auto over4 = co_await net::connect(endpoint::loopback(port));
            EXPECT_EQ(over4.has_value(), !only);
        }
    });
}

TEST_P(listeners, one_that_is_not_open_answers_bad_descriptor) {
    run([]() -> task<> {
        net::listener closed;
        EXPECT_FALSE(closed.open());
        const auto r = co_await closed.accept();
        EXPECT_TRUE(is_error(r, std::errc::bad_file_descriptor));
        const auto rest = co_await closed.drain();
        EXPECT_FALSE(rest.has_value());
        must(co_await closed.close());
    });
}

TEST_P(listeners, a_second_accept_at_a_time_is_refused) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        std::optional<result<net::stream>> first;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(accept_from(door), first));
            co_await turns(1);
            const auto second = co_await door.accept();
            EXPECT_TRUE(is_error(second, std::errc::device_or_resource_busy));
            auto near = must(co_await net::connect(at));
            co_await s.join();
        });
        EXPECT_TRUE(succeeds(*first));
    });
}

TEST_P(listeners, accepting_before_and_after_the_connection_is_made) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        for (int i = 0; i < 20; ++i) {
            auto [accepted, made] = co_await when_all(accept_from(door), net::connect(at));
            auto far = must(std::move(accepted));
            auto near = must(std::move(made));
            must(co_await near.send("1"));
            EXPECT_EQ(co_await receive_exactly(far, 1), "1");

            auto near_first = must(co_await net::connect(at));
            must(co_await near_first.send("2"));
            auto far_second = must(co_await door.accept());
            EXPECT_EQ(co_await receive_exactly(far_second, 1), "2");
        }
    });
}

task<std::vector<net::stream>> connect_many(endpoint to, std::size_t count) {
    std::vector<net::stream> made;
    for (std::size_t i = 0; i < count; ++i) made.push_back(must(co_await net::connect(to)));
    co_return made;
}

// Far more than fit the listener's own queue are waiting; accepting stops at the bound and goes on.
TEST_P(listeners, a_burst_beyond_the_queue_is_accepted_whole) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0), {.queue = 4}));
        auto made = co_await connect_many(must(co_await door.local_endpoint()), 100);
        for (std::size_t i = 0; i < made.size(); ++i) {
            must(co_await made[i].send(std::to_string(i)));
            co_await turns(static_cast<int>(i % 3));
        }
        std::set<std::string> heard;
        std::size_t most_held = 0;
        for (std::size_t i = 0; i < made.size(); ++i) {
            auto far = must(co_await door.accept());
            most_held = std::max(most_held, door.record()->incoming.accepted.size());
            const lease number = must(co_await far.receive());
            heard.emplace(number.text());
        }
        EXPECT_EQ(heard.size(), made.size());
        EXPECT_LE(most_held, 100U);
        // A mechanism that takes no more than was asked for never fills the queue.
        EXPECT_TRUE(most_held < 4 || current_loop->statistics().accept_queue_waits > 0) << most_held;
    });
}

TEST_P(listeners, accepted_streams_that_nobody_took_are_closed_with_the_listener) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        auto first = must(co_await net::connect(at));
        auto taken = must(co_await door.accept());
        // From here on a mechanism may accept on its own.
        auto left = co_await connect_many(at, 10);
        co_await turns(5);
        must(co_await door.close());
        for (net::stream& near : left) {
            const auto r = co_await near.receive();
            EXPECT_TRUE(!r.has_value() || r->empty());
        }
        must(co_await first.send("still there"));
        EXPECT_EQ(co_await receive_exactly(taken, 11), "still there");
        const auto refused = co_await net::connect(at);
        EXPECT_TRUE(is_error(refused, std::errc::connection_refused));
    });
}

TEST_P(listeners, draining_yields_every_connection_that_the_kernel_had_taken) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        auto first = must(co_await net::connect(at));
        auto taken = must(co_await door.accept());
        auto rest = co_await connect_many(at, 30);
        std::vector<net::stream> drained;
        while (auto next = co_await door.drain()) drained.push_back(std::move(*next));
        EXPECT_EQ(drained.size(), rest.size());
        const auto no_more = co_await door.drain();
        EXPECT_FALSE(no_more.has_value());
        must(co_await door.close());
        for (std::size_t i = 0; i < drained.size(); ++i) {
            must(co_await drained[i].send(std::to_string(i)));
            must(co_await drained[i].close());
        }
        std::set<std::string> heard;
        for (net::stream& near : rest) heard.insert(co_await receive_to_end(near));
        EXPECT_EQ(heard.size(), rest.size());
        EXPECT_FALSE(heard.contains(""));
    });
}

TEST_P(listeners, draining_under_cancellation_still_drains) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        auto made = co_await connect_many(must(co_await door.local_endpoint()), 3);
        const auto drain_all = [](net::listener& from) -> task<std::size_t> {
            std::size_t count = 0;
            while (auto next = co_await from.drain()) ++count;
            co_return count;
        };
        EXPECT_EQ(co_await cancelled_after(0, drain_all(door)), 3U);
    });
}

TEST_P(listeners, moving_one_keeps_it_working) {
    run([]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        std::optional<result<net::stream>> outcome;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(accept_from(door), outcome));
            co_await turns(1);
            net::listener moved = std::move(door);
            auto near = must(co_await net::connect(at));
            net::stream elsewhere = std::move(near);
            co_await s.join();
            must(co_await elsewhere.send("x"));
            EXPECT_EQ(co_await receive_exactly(**outcome, 1), "x");
        });
    });
}

/// A socket that listens, as a program is handed one.
descriptor listening_socket(endpoint& at) {
    descriptor door(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    endpoint any = endpoint::loopback(0);
    EXPECT_EQ(::bind(door.get(), reinterpret_cast<const ::sockaddr*>(any.raw()), any.raw_size()), 0);
    EXPECT_EQ(::listen(door.get(), 512), 0);
    ::socklen_t size = endpoint::capacity;
    EXPECT_EQ(::getsockname(door.get(), reinterpret_cast<::sockaddr*>(at.raw()), &size), 0);
    at.set_raw_size(static_cast<std::uint16_t>(size));
    return door;
}

TEST_P(listeners, one_that_was_handed_over_accepts) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        endpoint at;
        descriptor door = listening_socket(at);
        auto adopted = must(co_await net::adopt_listener(door.release()));
        for (int i = 0; i < 5; ++i) {
            auto [accepted, made] = co_await when_all(accept_from(adopted), net::connect(at));
            auto far = must(std::move(accepted));
            auto near = must(std::move(made));
            must(co_await near.send("x"));
            EXPECT_EQ(co_await receive_exactly(far, 1), "x");
        }
        EXPECT_EQ(must(co_await adopted.local_endpoint()), at);
        must(co_await adopted.close());
        const auto refused = co_await net::connect(at);
        EXPECT_TRUE(is_error(refused, std::errc::connection_refused));
    });
}

TEST_P(listeners, what_does_not_listen_is_not_adopted) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        const auto none = co_await net::adopt_listener(-1);
        EXPECT_TRUE(is_error(none, std::errc::bad_file_descriptor));
        const descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        const auto no_socket = co_await net::adopt_listener(file.get());
        EXPECT_TRUE(is_error(no_socket, std::errc::not_a_socket));
        const descriptor silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const auto does_not_listen = co_await net::adopt_listener(silent.get());
        EXPECT_TRUE(is_error(does_not_listen, std::errc::invalid_argument));
    });
}

// Whoever is woken finds that another was faster, and is not stopped by it.
TEST_P(listeners, loops_share_one_and_no_connection_is_stranded) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    constexpr int loops = 3;
    constexpr int count = 60;
    for (const bool exclusive : {false, true}) {
        endpoint at;
        const descriptor door = listening_socket(at);
        std::atomic<int> served = 0;
        const auto serve = [&](int copy) {
            loop_options wanted = options();
            wanted.bounds.exclusive_accept = exclusive;
            const auto l = make_loop(wanted);
            if (l == nullptr) return;
            l->run([&]() -> task<> {
                auto listening = must(co_await net::adopt_listener(copy));
                while (served < count) {
                    auto next = co_await with_timeout(20ms, listening.accept());
                    if (!next) continue;
                    ++served;
                    must(co_await next->send("hello"));
                }
            }());
        };
        std::vector<std::thread> threads;
        for (int i = 0; i < loops; ++i) threads.emplace_back(serve, ::fcntl(door.get(), F_DUPFD_CLOEXEC, 0));
        run([&]() -> task<> {
            for (int i = 0; i < count; ++i) {
                auto near = must(co_await net::connect(at));
                if (i % 10 == 0) co_await turns(3);  // otherwise one comes upon the other's heels
                EXPECT_EQ(co_await receive_to_end(near), "hello");
            }
        });
        for (std::thread& thread : threads) thread.join();
        EXPECT_EQ(served, count);
    }
}

}  // namespace
}  // namespace penstock::testing
