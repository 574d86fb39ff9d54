#include <penstock/transfer.hpp>

#include "runtime/pipe_pool.hpp"
#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <iterator>
#include <string>

namespace penstock {
namespace {

using namespace testing;

constexpr std::size_t megabyte = std::size_t{1} << 20;

enum class way { splice, copy };
enum class transport { tcp, unix_socket };

struct setting {
    const char* backend;
    way by;
};

std::string name_of(const ::testing::TestParamInfo<setting>& of) {
    return std::string(of.param.backend) + (of.param.by == way::splice ? "_splicing" : "_copying");
}

class transfers : public ::testing::TestWithParam<setting> {
  protected:
    template <class Body>
    void run(Body body) {
        loop_options options{.backend = GetParam().backend};
        if (GetParam().by == way::copy) {
            options.bounds.denied = {op_kind::splice};
            options.transfer_pipes = 0;  // for a backend that has a second way to splice
        }
        run(options, body);
    }
    template <class Body>
    void run(const loop_options& options, Body body) {
        auto made = loop::create(options);
        ASSERT_TRUE(made) << made.error().message;
        try {
            (*made)->run(body());
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
    void expect_spliced() const {
        EXPECT_EQ(current_loop->statistics().transfer_pipes != 0, GetParam().by == way::splice);
    }
};

INSTANTIATE_TEST_SUITE_P(on, transfers,
                         ::testing::Values(setting{"epoll", way::splice}, setting{"epoll", way::copy},
                                           setting{"threads", way::splice}, setting{"threads", way::copy}),
                         name_of);

/// A source, a way through, and a target: what the writer sends comes out at the reader.
struct line {
    stream_pair in;
    stream_pair out;
    net::stream& writer() { return in.near; }
    net::stream& from() { return in.far; }
    net::stream& to() { return out.near; }
    net::stream& reader() { return out.far; }
};

task<line> make_line(transport over = transport::tcp) {
    static int made = 0;
    line l;
    for (stream_pair* pair : {&l.in, &l.out}) {
        const std::string name = "unix:@penstock-transfer-" + std::to_string(::getpid()) + "-" + std::to_string(++made);
        const endpoint at = over == transport::tcp ? endpoint::loopback(0) : endpoint::parse(name).value();
        *pair = co_await connected(at);
    }
    co_return l;
}

task<> send_all(net::stream& to, const std::string& text, bool then_end = true) {
    must(co_await to.send(std::string_view(text)));
    if (then_end) must(co_await to.shutdown_send());
}

task<> receive_all(net::stream& from, std::string& into) { into = co_await receive_to_end(from); }

task<> keep_transfer(net::stream& from, net::stream& to, std::uint64_t most, result<std::uint64_t>& outcome,
                     transfer_progress* progress = nullptr) {
    outcome = co_await transfer(from, to, most, progress);
}

/// Receives until there are `size` bytes, and says what they are.
task<std::string> receive_some(net::stream& from, std::size_t size) {
    std::string all;
    while (all.size() < size) {
        const lease piece = must(co_await from.receive());
        if (piece.empty()) break;
        all += piece.text();
    }
    co_return all;
}

task<> move_everything(transport over, std::size_t size) {
    const std::string text = pattern(size);
    line l = co_await make_line(over);
    std::string got;
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, send_all(l.writer(), text));
        spawn(s, receive_all(l.reader(), got));
        transfer_progress progress;
        const result<std::uint64_t> moved = co_await transfer(l.from(), l.to(), transfer_everything, &progress);
        EXPECT_EQ(must(moved), text.size());
        EXPECT_EQ(progress.taken, text.size());
        EXPECT_EQ(progress.delivered, text.size());
        EXPECT_EQ(progress.failed, transfer_side::none);
        EXPECT_TRUE(must(co_await l.from().receive()).empty()) << "the end is told again";
        must(co_await l.to().shutdown_send());
        co_await s.join();
    });
    EXPECT_TRUE(same_bytes(got, text));
}

TEST_P(transfers, move_everything_over_tcp) {
    run([&]() -> task<> {
        co_await move_everything(transport::tcp, 24 * megabyte);
        expect_spliced();
    });
}

TEST_P(transfers, move_everything_over_unix_sockets) {
    run([&]() -> task<> {
        co_await move_everything(transport::unix_socket, 24 * megabyte);
        expect_spliced();
    });
}

TEST_P(transfers, of_little_open_no_pipe) {
    run([]() -> task<> {
        line l = co_await make_line();
        must(co_await l.writer().send("a little more"));
        EXPECT_EQ(must(co_await transfer(l.from(), l.to(), 8)), 8U);
        EXPECT_EQ(co_await receive_some(l.reader(), 8), "a little");
        EXPECT_EQ(must(co_await l.from().receive()).text(), " more");
        EXPECT_EQ(current_loop->statistics().transfer_pipes, 0U);
        EXPECT_EQ(must(co_await transfer(l.from(), l.to(), 0)), 0U);
    });
}

// What goes ahead is out before the source has anything, its buffer is back by then, and it does not count.
TEST_P(transfers, send_what_goes_ahead_without_waiting_for_the_source) {
    run([]() -> task<> {
        line l = co_await make_line();
        const std::string text = pattern(megabyte);
        std::string got;
        transfer_progress progress;
        result<std::uint64_t> moved = 0;
        co_await with_scope([&](scope& s) -> task<> {
            must(co_await l.reader().send("in a lease"));
            transfer_ahead ahead;
            ahead.memory = must(co_await l.to().receive());
            const std::array<io_slice, 2> slices{io_slice(std::string_view("head ")), io_slice(ahead.memory.bytes())};
            ahead.slices = slices;
            s.spawn([](line& in, std::uint64_t size, transfer_progress& seen, transfer_ahead& first,
                       result<std::uint64_t>& outcome) -> task<> {
                outcome = co_await transfer(in.from(), in.to(), size, &seen, &first);
            }(l, text.size(), progress, ahead, moved));
            EXPECT_EQ(co_await receive_some(l.reader(), 15), "head in a lease");
            while (!ahead.memory.empty())
                co_await sleep_for(std::chrono::milliseconds(1));  // nothing else is sent by now
            spawn(s, send_all(l.writer(), text));
            got = co_await receive_some(l.reader(), text.size());
            co_await s.join();
        });
        EXPECT_EQ(must(std::move(moved)), text.size());
        EXPECT_EQ(progress.delivered, text.size());
        EXPECT_TRUE(same_bytes(got, text));
    });
}

TEST_P(transfers, send_what_goes_ahead_before_what_is_there) {
    run([]() -> task<> {
        for (const std::size_t size : {std::size_t{1}, std::size_t{1} << 13, std::size_t{60'000}}) {
            line l = co_await make_line();
            const std::string text = pattern(size);
            must(co_await l.writer().send(std::string_view(text).substr(0, 1)));
            EXPECT_EQ(must(co_await l.from().receive()).text(), text.substr(0, 1));
            must(co_await l.writer().send(std::string_view(text)));
            const io_slice head(std::string_view("head "));
            transfer_ahead ahead{.slices = {&head, 1}, .memory = {}};
            EXPECT_EQ(must(co_await transfer(l.from(), l.to(), size, nullptr, &ahead)), size);
            EXPECT_TRUE(same_bytes(co_await receive_some(l.reader(), 5 + size), "head " + text));
        }
    });
}

TEST_P(transfers, end_at_the_limit_and_leave_the_rest_in_order) {
    run([&]() -> task<> {
        line l = co_await make_line();
        const std::string text = pattern(3 * megabyte);
        std::string got;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_all(l.writer(), text));
            spawn(s, receive_all(l.reader(), got));
            // A header is looked at first, as a proxy does, so that a part of the body is in a lease.
            lease head = must(co_await l.from().receive());
            must(co_await l.to().send(head.bytes().first(100)));
            head.consume(100);
            l.from().unread(std::move(head));
            EXPECT_EQ(must(co_await transfer(l.from(), l.to(), 1000)), 1000U);
            EXPECT_EQ(must(co_await transfer(l.from(), l.to(), megabyte)), megabyte);
            EXPECT_EQ(must(co_await transfer(l.from(), l.to(), megabyte + 7)), megabyte + 7);
            lease more = must(co_await l.from().receive());
            must(co_await l.to().send(more.bytes()));
            more.reset();
            must(co_await transfer(l.from(), l.to()));
            must(co_await l.to().shutdown_send());
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(got, text));
        expect_spliced();
    });
}

TEST_P(transfers, tell_less_than_asked_for_when_the_source_ends) {
    run([]() -> task<> {
        line l = co_await make_line();
        co_await send_all(l.writer(), "short");
        EXPECT_EQ(must(co_await transfer(l.from(), l.to(), megabyte)), 5U);
        EXPECT_EQ(co_await receive_some(l.reader(), 5), "short");
        must(co_await l.to().send("the other goes on"));
        EXPECT_EQ(co_await receive_some(l.reader(), 17), "the other goes on");
    });
}

task<> tunnel(net::stream& from, net::stream& to, std::uint64_t& moved) {
    moved = must(co_await transfer(from, to));
    must(co_await to.shutdown_send());
}

TEST_P(transfers, go_both_ways_at_once) {
    run([]() -> task<> {
        line l = co_await make_line();
        const std::string there = pattern(5 * megabyte, 1);
        const std::string back = pattern(4 * megabyte, 2);
        std::string got_there;
        std::string got_back;
        std::uint64_t moved[2]{};
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, tunnel(l.from(), l.to(), moved[0]));
            spawn(s, tunnel(l.to(), l.from(), moved[1]));
            spawn(s, send_all(l.writer(), there));
            spawn(s, send_all(l.reader(), back));
            spawn(s, receive_all(l.reader(), got_there));
            spawn(s, receive_all(l.writer(), got_back));
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(got_there, there));
        EXPECT_TRUE(same_bytes(got_back, back));
        EXPECT_EQ(moved[0], there.size());
        EXPECT_EQ(moved[1], back.size());
    });
}

TEST_P(transfers, go_from_a_stream_to_itself) {
    run([]() -> task<> {
        stream_pair pair = co_await connected();
        const std::string text = pattern(2 * megabyte);
        std::string got;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_all(pair.near, text));
            spawn(s, receive_all(pair.near, got));
            EXPECT_EQ(must(co_await transfer(pair.far, pair.far)), text.size());
            must(co_await pair.far.shutdown_send());
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(got, text));
    });
}

/// Transfers until nothing moves any more, then has it cancelled.
task<result<std::uint64_t>> transfer_until_stuck(net::stream& from, net::stream& to, transfer_progress& progress) {
    result<std::uint64_t> outcome;
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, keep_transfer(from, to, transfer_everything, outcome, &progress));
        int still = 0;
        for (std::uint64_t before = 0; still < 3;) {
            must(co_await sleep_for(20ms));
            still = progress.delivered != 0 && progress.delivered == before ? still + 1 : 0;
            before = progress.delivered;
        }
        s.cancel();
        co_await s.join();
    });
    co_return outcome;
}

TEST_P(transfers, that_are_cancelled_while_they_wait_lose_nothing) {
    run([]() -> task<> {
        line l = co_await make_line();
        const std::string text = pattern(megabyte);
        std::string got;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, receive_all(l.reader(), got));
            for (std::size_t at = 0; at < text.size(); at += text.size() / 4) {
                must(co_await l.writer().send(std::string_view(text).substr(at, text.size() / 4)));
                transfer_progress progress;
                EXPECT_TRUE(is_cancelled(co_await transfer_until_stuck(l.from(), l.to(), progress)));
                EXPECT_EQ(progress.failed, transfer_side::from);
                EXPECT_EQ(progress.taken, progress.delivered);
            }
            co_await send_all(l.writer(), "");
            must(co_await transfer(l.from(), l.to()));
            must(co_await l.to().shutdown_send());
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(got, text));
    });
}

TEST_P(transfers, that_are_cancelled_at_a_full_target_account_for_every_byte) {
    run([&]() -> task<> {
        line l = co_await make_line();
        const std::string text = pattern(48 * megabyte);  // more than all buffers on the way can grow to
        transfer_progress progress;
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](net::stream& to, const std::string& all) -> task<> {
                EXPECT_TRUE(is_cancelled(co_await to.send(std::string_view(all))));
            }(l.writer(), text));
            EXPECT_TRUE(is_cancelled(co_await transfer_until_stuck(l.from(), l.to(), progress)));
        });
        // Mostly the target, but a send that is interrupted may still succeed, and then it is the source.
        EXPECT_NE(progress.failed, transfer_side::none);
        EXPECT_GE(progress.taken, progress.delivered);
        const bool may_be_stuck = GetParam().by == way::splice;
        EXPECT_TRUE(may_be_stuck || progress.taken == progress.delivered);
        must(co_await l.to().shutdown_send());
        EXPECT_TRUE(same_bytes(co_await receive_to_end(l.reader()), text.substr(0, progress.delivered)));
        // Whatever was in the pipe, the next transfer does not get it.
        co_await move_everything(transport::tcp, megabyte);
    });
}

TEST_P(transfers, to_a_peer_that_resets_say_so) {
    run([]() -> task<> {
        line l = co_await make_line();
        const std::string text(48 * megabyte, 'x');  // more than fits on the way
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](net::stream& to, const std::string& all) -> task<> {
                EXPECT_TRUE(is_cancelled(co_await to.send(std::string_view(all))));
            }(l.writer(), text));
            s.spawn([](net::stream& peer) -> task<> {
                static_cast<void>(co_await sleep_for(20ms));
                must(co_await peer.set_option(net::socket_option::linger, 0));
                must(co_await peer.close());
            }(l.reader()));
            transfer_progress progress;
            const auto r = co_await transfer(l.from(), l.to(), transfer_everything, &progress);
            EXPECT_TRUE(is_error(r, std::errc::connection_reset) || is_error(r, std::errc::broken_pipe));
            EXPECT_EQ(progress.failed, transfer_side::to);
            EXPECT_GE(progress.taken, progress.delivered);
        });
    });
}

TEST_P(transfers, from_a_peer_that_resets_say_so_and_so_does_the_next_receive) {
    run([]() -> task<> {
        line l = co_await make_line();
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](net::stream& peer) -> task<> {
                must(co_await peer.send("before"));
                static_cast<void>(co_await sleep_for(20ms));
                must(co_await peer.set_option(net::socket_option::linger, 0));
                must(co_await peer.close());
            }(l.writer()));
            transfer_progress progress;
            const auto r = co_await transfer(l.from(), l.to(), transfer_everything, &progress);
            EXPECT_TRUE(is_error(r, std::errc::connection_reset));
            EXPECT_EQ(progress.failed, transfer_side::from);
            EXPECT_EQ(progress.delivered, 6U);
            EXPECT_TRUE(is_error(co_await l.from().receive(), std::errc::connection_reset));
            co_await s.join();
        });
    });
}

task<> close_soon(net::stream& s) {
    static_cast<void>(co_await sleep_for(20ms));
    must(co_await s.close());
}

TEST_P(transfers, end_when_another_task_closes_a_stream) {
    run([]() -> task<> {
        for (const bool close_source : {true, false}) {
            for (const bool stuck : {true, false}) {
                line l = co_await make_line();
                const std::string text = pattern(stuck ? 16 * megabyte : 10);
                co_await with_scope([&](scope& s) -> task<> {
                    s.spawn([](net::stream& to, const std::string& all) -> task<> {
                        static_cast<void>(co_await to.send(std::string_view(all)));
                    }(l.writer(), text));
                    spawn(s, close_soon(close_source ? l.from() : l.to()));
                    EXPECT_TRUE(is_cancelled(co_await transfer(l.from(), l.to())));
                });
            }
        }
    });
}

TEST_P(transfers, keep_others_out_of_their_direction) {
    run([]() -> task<> {
        line l = co_await make_line();
        line other = co_await make_line();
        co_await with_scope([&](scope& s) -> task<> {
            result<std::uint64_t> outcome;
            spawn(s, keep_transfer(l.from(), l.to(), transfer_everything, outcome));
            co_await turns(3);
            const auto busy = std::errc::device_or_resource_busy;
            EXPECT_TRUE(is_error(co_await l.from().receive(), busy));
            EXPECT_TRUE(is_error(co_await l.to().send("no"), busy));
            EXPECT_TRUE(is_error(co_await transfer(l.from(), other.to()), busy));
            EXPECT_TRUE(is_error(co_await transfer(other.from(), l.to()), busy));
            must(co_await l.from().send("the other direction is free"));
            EXPECT_EQ(co_await receive_some(l.writer(), 27), "the other direction is free");
            s.cancel();
            co_await s.join();
            EXPECT_TRUE(is_cancelled(outcome));
        });
        net::stream closed;
        EXPECT_TRUE(is_error(co_await transfer(closed, l.to()), std::errc::bad_file_descriptor));
        EXPECT_TRUE(is_error(co_await transfer(l.from(), closed), std::errc::bad_file_descriptor));
    });
}

TEST_P(transfers, copy_when_the_loop_has_no_pipe_left) {
    run({.backend = GetParam().backend, .transfer_pipes = 0}, []() -> task<> {
        co_await move_everything(transport::tcp, 4 * megabyte);
        const loop_statistics s = current_loop->statistics();
        EXPECT_EQ(s.transfer_pipes, 0U);
        EXPECT_EQ(s.transfer_pipes_refused, 1U);
    });
}

TEST_P(transfers, keep_at_most_a_few_idle_pipes_and_never_more_than_allowed) {
    run({.backend = GetParam().backend, .transfer_pipes = 20}, []() -> task<> {
        co_await with_scope([](scope& s) -> task<> {
            for (int i = 0; i < 24; ++i) spawn(s, move_everything(transport::tcp, 300'000));
            co_await s.join();
        });
        EXPECT_LE(current_loop->statistics().transfer_pipes, 16U);
    });
}

TEST_P(transfers, are_through_large_pipes_as_long_as_there_may_be_more) {
    run([&]() -> task<> {
        std::size_t taken = 0;  // all but one, by somebody else
        while (detail::pipe_pool::large() < detail::pipe_pool::most_large - 1 && detail::pipe_pool::reserve_large())
            ++taken;
        co_await with_scope([](scope& s) -> task<> {
            for (int i = 0; i < 4; ++i) spawn(s, move_everything(transport::tcp, 300'000));
            co_await s.join();
        });
        const bool spliced = GetParam().by == way::splice;
        EXPECT_EQ(current_loop->statistics().large_transfer_pipes, taken + (spliced ? 1 : 0));
        for (; taken != 0; --taken) detail::pipe_pool::unreserve_large();
    });
    EXPECT_EQ(detail::pipe_pool::large(), 0U);
}

TEST_P(transfers, go_through_pipes_of_the_library) {
    run([&]() -> task<> {
        auto [read_end, write_end] = must(co_await make_pipe());
        stream_pair pair = co_await connected();
        const std::string text = pattern(2 * megabyte);
        std::string got;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_all(pair.near, text));
            s.spawn([](net::stream& from, adopted& to) -> task<> {
                EXPECT_TRUE(succeeds(co_await transfer(from, to)));
                EXPECT_TRUE(succeeds(co_await to.close()));
            }(pair.far, write_end));
            s.spawn([](adopted& from, net::stream& to) -> task<> {
                EXPECT_TRUE(succeeds(co_await transfer(from, to)));
                EXPECT_TRUE(succeeds(co_await to.shutdown_send()));
            }(read_end, pair.far));
            got = co_await receive_to_end(pair.near);
            co_await s.join();
        });
        EXPECT_TRUE(same_bytes(got, text));
        expect_spliced();
    });
}

std::string content_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST_P(transfers, copy_what_the_program_has_opened) {
    run([]() -> task<> {
        const temporary_directory here;
        const std::string text = pattern(megabyte);
        std::ofstream(here / "in", std::ios::binary) << text;
        adopted in = must(co_await adopt(::open((here / "in").c_str(), O_RDONLY | O_CLOEXEC)));
        adopted out = must(co_await adopt(::open((here / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)));
        stream_pair pair = co_await connected();
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](adopted& from, net::stream& to) -> task<> {
                EXPECT_TRUE(succeeds(co_await transfer(from, to)));
                EXPECT_TRUE(succeeds(co_await to.shutdown_send()));
            }(in, pair.near));
            EXPECT_EQ(must(co_await transfer(pair.far, out)), text.size());
            co_await s.join();
        });
        must(co_await out.close());
        EXPECT_TRUE(same_bytes(content_of(here / "out"), text));
        EXPECT_EQ(current_loop->statistics().transfer_pipes, 0U);
    });
}

// The kernel refuses to splice to a file that is open for appending, which is learnt with bytes in the pipe.
TEST_P(transfers, get_bytes_out_of_the_pipe_when_the_target_cannot_be_spliced_to) {
    run([]() -> task<> {
        const temporary_directory here;
        const std::string text = pattern(megabyte);
        const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC;
        adopted out = must(co_await adopt(::open((here / "out").c_str(), flags, 0600)));
        out.record()->splices = true;
        stream_pair pair = co_await connected();
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_all(pair.near, text));
            EXPECT_EQ(must(co_await transfer(pair.far, out)), text.size());
            EXPECT_FALSE(out.record()->splices && current_loop->statistics().transfer_pipes != 0) << "not learnt";
            co_await s.join();
        });
        must(co_await out.close());
        EXPECT_TRUE(same_bytes(content_of(here / "out"), text));
    });
}

TEST_P(transfers, copy_when_the_source_cannot_be_spliced_from) {
    run([]() -> task<> {
        const int counter = ::eventfd(5, EFD_CLOEXEC);
        adopted from = must(co_await adopt(counter));
        from.record()->splices = true;
        stream_pair pair = co_await connected();
        co_await with_scope([&](scope& s) -> task<> {
            s.spawn([](adopted& source, net::stream& to) -> task<> {
                EXPECT_TRUE(is_cancelled(co_await transfer(source, to)));
            }(from, pair.near));
            const std::string got = co_await receive_some(pair.far, 8);
            EXPECT_EQ(got.size(), 8U);
            EXPECT_EQ(got[0], 5);
        });
    });
}

/// A byte stream that is not the loop's own, as TLS will be.
class wrapped {
  public:
    explicit wrapped(net::stream& inner) : inner_(inner) {}
    auto receive() { return inner_.receive(); }
    auto send(std::span<const io_slice> slices) { return inner_.send(slices); }
    auto shutdown_send() { return inner_.shutdown_send(); }
    auto close() { return inner_.close(); }

  protected:
    net::stream& inner_;
};
class wrapped_with_unread : public wrapped {
  public:
    using wrapped::wrapped;
    void unread(lease rest) { inner_.unread(std::move(rest)); }
};
static_assert(byte_stream<wrapped> && !unreadable_stream<wrapped> && unreadable_stream<wrapped_with_unread>);

TEST_P(transfers, work_for_any_two_byte_streams) {
    run([]() -> task<> {
        line l = co_await make_line();
        wrapped_with_unread from(l.from());
        wrapped to(l.to());
        co_await send_all(l.writer(), "head and body");
        EXPECT_EQ(must(co_await transfer(from, to, 4)), 4U);
        EXPECT_EQ(must(co_await transfer(from, l.to(), 5)), 5U);
        wrapped unlimited(l.from());
        EXPECT_EQ(must(co_await transfer(unlimited, to)), 4U);
        EXPECT_EQ(co_await receive_some(l.reader(), 13), "head and body");
    });
}

}  // namespace
}  // namespace penstock
