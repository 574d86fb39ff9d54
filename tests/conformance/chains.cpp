// Chains: the same results whether the steps are one submission or begin one after the other.
#include "support/on_backend.hpp"
#include "support/silent_port.hpp"
#include "support/temporary_directory.hpp"

#include <array>
#include <vector>

namespace penstock::testing {
namespace {

using chains = on_backend;
PENSTOCK_ON_EVERY_BACKEND(chains);

constexpr fs::open_options fresh{.read = true, .write = true, .create = true, .truncate = true};

std::span<std::byte> room_in(std::string& s) { return std::as_writable_bytes(std::span(s)); }

task<> make_file(std::string path, std::string_view content) {
    auto file = must(co_await fs::open(std::move(path), fresh));
    must(co_await file.write_all_at(std::as_bytes(std::span(content)), 0));
    must(co_await file.close());
}

task<> run_and_expect_all(chain& c) {
    const chain_outcome outcome = co_await c.run();
    EXPECT_TRUE(outcome.complete());
}

/// Whether the step is one that was not begun since another ended the run.
::testing::AssertionResult was_not_begun(const chain_outcome& outcome, chain_step step) {
    return is_cancelled(outcome[step]);
}

TEST_P(chains, open_read_close) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string path = directory / "file";
        const std::string text = pattern(10'000);
        co_await make_file(path, text);
        std::string got(text.size(), '\0');
        chain c;
        const chain_step file = c.open(path);
        const chain_step read = c.read_at(file, room_in(got), 0);
        const chain_step close = c.close(file);
        for (int time = 0; time < 3; ++time) {
            got.assign(text.size(), '\0');
            const chain_outcome outcome = co_await c.run();
            EXPECT_TRUE(succeeds(outcome[file]));
            const std::size_t n = must(outcome[read]);
            EXPECT_TRUE(same_bytes(got.substr(0, n), text.substr(0, n)));
            if (n < text.size()) {  // which the kernel may do at any time
                EXPECT_TRUE(was_not_begun(outcome, close));
                EXPECT_FALSE(outcome.complete());
            } else {
                EXPECT_TRUE(succeeds(outcome[close]));
                EXPECT_TRUE(outcome.complete());
            }
        }
    });
}

TEST_P(chains, a_file_is_written_made_durable_and_closed) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string path = directory / "file";
        const std::string text = pattern(100);  // no more than one block, which is never written in part
        chain c;
        const chain_step file = c.open(path, fresh);
        const chain_step write = c.write_at(file, std::as_bytes(std::span(text)), 0);
        c.sync(file, true);
        c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_EQ(must(outcome[write]), text.size());
        EXPECT_TRUE(outcome.complete());
        std::string got(text.size(), '\0');
        auto again = must(co_await fs::open(path));
        EXPECT_EQ(must(co_await again.read_at(room_in(got), 0)), text.size());
        EXPECT_EQ(got, text);
    });
}

TEST_P(chains, what_a_file_holds_is_sent) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string text = pattern(300);
        co_await make_file(directory / "file", text);
        auto file = must(co_await fs::open(directory / "file"));
        stream_pair pair = co_await connected();
        std::string buffer(text.size(), '\0');
        chain c;
        const chain_step read = c.read_at(file, room_in(buffer), 0);
        const chain_step send = c.send(pair.near, buffer);
        const chain_outcome outcome = co_await c.run();
        EXPECT_EQ(must(outcome[read]), text.size());
        EXPECT_EQ(must(outcome[send]), text.size());
        EXPECT_EQ(co_await receive_exactly(pair.far, text.size()), text);
    });
}

TEST_P(chains, a_short_read_ends_the_run) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "short");
        auto file = must(co_await fs::open(directory / "file"));
        stream_pair pair = co_await connected();
        std::string buffer(100, '\0');
        chain c;
        const chain_step read = c.read_at(file, room_in(buffer), 0);
        const chain_step send = c.send(pair.near, buffer);
        const chain_step shut = c.shutdown(pair.near);
        const chain_outcome outcome = co_await c.run();
        EXPECT_EQ(must(outcome[read]), 5U);
        EXPECT_TRUE(was_not_begun(outcome, send));
        EXPECT_TRUE(was_not_begun(outcome, shut));
        EXPECT_FALSE(outcome.complete());
        must(co_await pair.near.send("the next"));  // and nothing before it
        EXPECT_EQ(co_await receive_exactly(pair.far, 8), "the next");
    });
}

TEST_P(chains, a_step_that_fails_ends_the_run) {
    const temporary_directory directory;
    run([&]() -> task<> {
        std::string buffer(10, '\0');
        chain c;
        const chain_step file = c.open(directory / "absent");
        const chain_step read = c.read_at(file, room_in(buffer), 0);
        const chain_step close = c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(is_error(outcome[file], std::errc::no_such_file_or_directory));
        EXPECT_TRUE(was_not_begun(outcome, read));
        EXPECT_TRUE(was_not_begun(outcome, close));
    });
}

TEST_P(chains, after_a_hard_step_the_next_begins_however_it_ended) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "short");
        std::string buffer(100, '\0');
        chain c;
        const chain_step absent = c.open(directory / "absent").hard();
        const chain_step file = c.open(directory / "file");
        const chain_step nothing = c.read_at(absent, room_in(buffer), 0).hard();
        const chain_step read = c.read_at(file, room_in(buffer), 0).hard();
        const chain_step close = c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(is_error(outcome[absent], std::errc::no_such_file_or_directory));
        EXPECT_TRUE(succeeds(outcome[file]));
        EXPECT_TRUE(is_error(outcome[nothing], std::errc::bad_file_descriptor));
        EXPECT_EQ(must(outcome[read]), 5U);
        EXPECT_TRUE(succeeds(outcome[close]));
        EXPECT_FALSE(outcome.complete());
    });
}

TEST_P(chains, a_hard_read_that_is_short_lets_its_file_be_closed) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "short");
        std::string buffer(100, '\0');
        chain c;
        const chain_step file = c.open(directory / "file");
        const chain_step read = c.read_at(file, room_in(buffer), 0).hard();
        const chain_step close = c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_EQ(must(outcome[read]), 5U);
        EXPECT_TRUE(succeeds(outcome[close]));
    });
}

TEST_P(chains, connect_send_shutdown) {
    run([&]() -> task<> {
        const std::string text = pattern(1000);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        chain c;
        const chain_step socket = c.socket(at.family());
        c.connect(socket, at);
        const chain_step send = c.send(socket, text);
        c.shutdown(socket);
        c.close(socket);
        const chain_outcome outcome = co_await c.run();
        EXPECT_EQ(must(outcome[send]), text.size());
        EXPECT_TRUE(outcome.complete());
        auto peer = must(co_await door.accept());
        EXPECT_EQ(co_await receive_to_end(peer), text);
    });
}

TEST_P(chains, a_refused_connection_is_told_and_its_socket_closed) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([&]() -> task<> {
        const silent_port nobody;
        chain c;
        const chain_step socket = c.socket(address_family::ipv4);
        const chain_step connect = c.connect(socket, nobody.at());
        const chain_step send = c.send(socket, "nobody reads this");
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(succeeds(outcome[socket]));
        EXPECT_TRUE(is_error(outcome[connect], std::errc::connection_refused));
        EXPECT_TRUE(was_not_begun(outcome, send));
    });
}

TEST_P(chains, over_a_unix_socket) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const endpoint at = *endpoint::parse("unix:" + (directory / "socket"));
        auto door = must(co_await net::listen(at));
        chain c;
        const chain_step socket = c.socket(at.family());
        c.connect(socket, at);
        c.send(socket, "by a path");
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(outcome.complete());
        auto peer = must(co_await door.accept());
        EXPECT_EQ(co_await receive_to_end(peer), "by a path");
    });
}

// More than a socket holds, so what the kernel or the loop has to do is to go on with it.
TEST_P(chains, a_large_send_is_sent_whole) {
    run([&]() -> task<> {
        const std::string text = pattern(8 << 20);
        stream_pair pair = co_await connected();
        chain c;
        c.send(pair.near, text);
        c.shutdown(pair.near);
        const auto read_all = [](net::stream& from, const std::string& expected) -> task<> {
            EXPECT_TRUE(same_bytes(co_await receive_to_end(from), expected));
        };
        co_await when_all(run_and_expect_all(c), read_all(pair.far, text));
    });
}

// io_uring gives up waiting on such a socket.
TEST_P(chains, a_peer_that_has_ended_its_side_and_reads_late_gets_everything) {
    run([&]() -> task<> {
        const std::string text = pattern(8 << 20);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        chain c;
        const chain_step socket = c.socket(at.family());
        c.connect(socket, at);
        c.send(socket, text);
        c.shutdown(socket);
        c.close(socket);
        const auto read_late = [](net::listener& from, const std::string& expected) -> task<> {
            auto peer = must(co_await from.accept());
            must(co_await peer.shutdown_send());
            co_await sleep_for(2ms);
            EXPECT_TRUE(same_bytes(co_await receive_to_end(peer), expected));
        };
        co_await when_all(run_and_expect_all(c), read_late(door, text));
    });
}

// The same of a stream of the program's.
TEST_P(chains, a_large_send_goes_on_beside_an_ended_peer) {
    run([&]() -> task<> {
        const std::string text = pattern(8 << 20);
        stream_pair pair = co_await connected();
        must(co_await pair.far.shutdown_send());
        chain c;
        c.send(pair.near, text);
        c.shutdown(pair.near);
        const auto read_late = [](net::stream& from, const std::string& expected) -> task<> {
            co_await sleep_for(2ms);
            EXPECT_TRUE(same_bytes(co_await receive_to_end(from), expected));
        };
        co_await when_all(run_and_expect_all(c), read_late(pair.far, text));
    });
}

// What was sent is told, although the step did not end as it should.
TEST_P(chains, a_limit_in_the_middle_of_a_send_tells_how_far_it_came) {
    run([&]() -> task<> {
        const std::string much = pattern(32 << 20);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        chain c;
        const chain_step socket = c.socket(at.family());
        c.connect(socket, at);
        const chain_step send = c.send(socket, much).limit(20ms);
        const chain_step shut = c.shutdown(socket);
        const chain_outcome outcome = co_await c.run();
        const std::size_t sent = must(outcome[send]);
        EXPECT_GT(sent, 0U);
        EXPECT_LT(sent, much.size());
        EXPECT_TRUE(was_not_begun(outcome, shut));
        auto peer = must(co_await door.accept());
        EXPECT_TRUE(same_bytes(co_await receive_to_end(peer), std::string_view(much).substr(0, sent)));
    });
}

/// Two connected streams of which `near` can't send any more until `far` is read.
task<stream_pair> with_no_room_to_send(endpoint at) {
    stream_pair pair = co_await connected(at);
    const std::string much = pattern(8 << 20);
    EXPECT_TRUE(is_error(co_await with_timeout(20ms, pair.near.send(std::string_view(much))), std::errc::timed_out));
    co_return pair;
}

TEST_P(chains, a_limit_ends_the_step_and_the_run) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        stream_pair pair = co_await with_no_room_to_send(*endpoint::parse("unix:" + (directory / "socket")));
        std::string buffer(9, '\0');
        chain c;
        const chain_step file = c.open(directory / "file");
        const chain_step read = c.read_at(file, room_in(buffer), 0).limit(long_time);
        const chain_step send = c.send(pair.near, buffer).limit(10ms);
        const chain_step close = c.close(file);
        const time_point before = current_loop->read_clock();
        const chain_outcome outcome = co_await c.run();
        EXPECT_GE(current_loop->read_clock() - before, 10ms);
        EXPECT_EQ(must(outcome[read]), buffer.size());
        EXPECT_TRUE(is_error(outcome[send], std::errc::timed_out));
        EXPECT_TRUE(was_not_begun(outcome, close));
    });
}

TEST_P(chains, a_limit_of_a_hard_step_ends_that_step_alone) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        stream_pair pair = co_await with_no_room_to_send(*endpoint::parse("unix:" + (directory / "socket")));
        chain c;
        const chain_step file = c.open(directory / "file");
        const chain_step send = c.send(pair.near, "more").limit(10ms).hard();
        const chain_step close = c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(is_error(outcome[send], std::errc::timed_out));
        EXPECT_TRUE(succeeds(outcome[close]));
    });
}

task<result<std::size_t>> run_and_tell(chain& c, chain_step step) {
    const chain_outcome outcome = co_await c.run();
    co_return outcome[step];
}

TEST_P(chains, cancelling_ends_all_of_it_at_any_moment) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        stream_pair pair = co_await with_no_room_to_send(*endpoint::parse("unix:" + (directory / "socket")));
        std::string buffer(9, '\0');
        for (const bool hard : {false, true}) {
            for (const int moment : moments) {
                chain c;
                const chain_step file = c.open(directory / "file");
                const chain_step read = c.read_at(file, room_in(buffer), 0);
                const chain_step send = c.send(pair.near, buffer);
                if (hard) {
                    read.hard();
                    send.hard();
                }
                const chain_step again = c.send(pair.near, buffer);
                c.close(file);
                EXPECT_TRUE(is_cancelled(co_await cancelled_after(moment, run_and_tell(c, send)))) << moment;
                EXPECT_TRUE(is_cancelled(co_await cancelled_after(moment, run_and_tell(c, again)))) << moment;
            }
        }
    });
}

TEST_P(chains, with_more_steps_than_allowed_do_nothing) {
    const temporary_directory directory;
    run([&]() -> task<> {
        chain c(3);
        const chain_step file = c.open(directory / "file", fresh);
        c.sync(file);
        c.sync(file);
        co_await run_and_expect_all(c);
        const chain_step close = c.close(file);
        const chain_outcome outcome = co_await c.run();
        EXPECT_TRUE(is_error(outcome[file], std::errc::argument_list_too_long));
        EXPECT_TRUE(is_error(outcome[close], std::errc::argument_list_too_long));
        EXPECT_EQ(current_loop->statistics().chains_refused, 1U);
        chain empty;
        co_await run_and_expect_all(empty);
    });
}

TEST_P(chains, longer_than_the_submission_queue) {
    const temporary_directory directory;
    loop_options wanted = options();
    wanted.bounds.queue_entries = 2;
    run(wanted, [&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        std::array<std::string, 14> got;
        chain c;
        const chain_step file = c.open(directory / "file");
        for (std::string& part : got) {
            part.resize(9);
            c.read_at(file, room_in(part), 0);
        }
        c.close(file);
        co_await run_and_expect_all(c);
        for (const std::string& part : got) EXPECT_EQ(part, "some text");
    });
}

// --- What is kept

task<> expect_file(const owned_handle& file, std::string expected) {
    std::string got(expected.size(), '\0');
    chain c;
    c.read_at(file, room_in(got), 0);
    co_await run_and_expect_all(c);
    EXPECT_EQ(got, expected);
}

TEST_P(chains, what_is_kept_outlives_the_run) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        chain c;
        const chain_step file = c.open(directory / "file");
        const chain_step kept = c.keep(file);
        for (const bool closes : {false, true}) {
            if (closes) c.close(file);  // the chain's own
            co_await run_and_expect_all(c);
            owned_handle mine = c.take(kept);
            EXPECT_TRUE(mine.open());
            EXPECT_FALSE(c.take(kept).open()) << "it was given out";
            co_await expect_file(mine, "some text");
            must(co_await mine.close());
        }
    });
}

TEST_P(chains, what_is_kept_and_not_taken_is_closed) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        chain c;
        const chain_step file = c.open(directory / "file");
        c.keep(file);
        for (int time = 0; time < 3; ++time) co_await run_and_expect_all(c);
    });
}

TEST_P(chains, what_is_closed_or_was_never_opened_is_not_kept) {
    const temporary_directory directory;
    run([&]() -> task<> {
        co_await make_file(directory / "file", "some text");
        for (const char* const name : {"file", "absent"}) {
            chain c;
            const chain_step file = c.open(directory / name).hard();
            c.close(file).hard();
            const chain_step kept = c.keep(file);
            const chain_outcome outcome = co_await c.run();
            EXPECT_TRUE(is_error(outcome[kept], std::errc::bad_file_descriptor)) << name;
            EXPECT_FALSE(c.take(kept).open()) << name;
        }
    });
}

// A connection whose first message leaves with it, and which then is the program's.
TEST_P(chains, a_socket_that_is_kept_goes_on) {
    run([&]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        chain c;
        const chain_step socket = c.socket(at.family());
        c.connect(socket, at);
        c.send(socket, "first");
        const chain_step kept = c.keep(socket);
        c.send(socket, ", second");
        c.close(socket);
        co_await run_and_expect_all(c);
        owned_handle mine = c.take(kept);
        EXPECT_TRUE(mine.open());
        auto peer = must(co_await door.accept());
        chain more;
        more.send(mine, ", third");
        co_await run_and_expect_all(more);
        EXPECT_EQ(co_await receive_exactly(peer, 20), "first, second, third");
        if (capabilities().own_world) co_return;  // of the program's descriptors it makes no streams
        auto stream = must(co_await adopt(std::move(mine)));
        const std::string much = pattern(1 << 20);
        must(co_await peer.send("answer"));
        EXPECT_EQ(co_await receive_exactly(stream, 6), "answer");
        co_await when_all(
            [](adopted& to, const std::string& what) -> task<> {
                must(co_await to.send(what));
                must(co_await to.close());
            }(stream, much),
            [](net::stream& from, const std::string& what) -> task<> {
                EXPECT_TRUE(same_bytes(co_await receive_to_end(from), what));
            }(peer, much));
    });
}

task<> read_by_chain(const std::string& path, std::string expected) {
    std::string got(expected.size(), '\0');
    chain c;
    const chain_step file = c.open(path);
    c.read_at(file, room_in(got), 0);
    c.close(file);
    co_await run_and_expect_all(c);
    EXPECT_EQ(got, expected);
}

// Beyond what the ring's own table of descriptors has room for.
TEST_P(chains, a_hundred_at_once) {
    const temporary_directory directory;
    run([&]() -> task<> {
        std::vector<std::string> paths;
        for (int i = 0; i < 100; ++i) {
            paths.push_back(directory / std::to_string(i));
            co_await make_file(paths.back(), std::to_string(1000 + i));
        }
        for (int time = 0; time < 2; ++time) {
            std::vector<task<>> all;
            for (int i = 0; i < 100; ++i) {
                all.push_back(read_by_chain(paths[static_cast<std::size_t>(i)], std::to_string(1000 + i)));
            }
            co_await when_all(std::move(all));
        }
        const loop_statistics s = current_loop->statistics();
        EXPECT_EQ(s.chains + s.chains_in_order, 200U);
    });
}

}  // namespace
}  // namespace penstock::testing
