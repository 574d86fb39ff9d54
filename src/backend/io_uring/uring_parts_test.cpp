// Buffers that the kernel fills in parts (uring_options::incremental_buffers), seen from a program.
#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

const feature_report* find_feature(const loop& l, std::string_view name) {
    const auto& all = l.explain().features;
    const auto found = std::ranges::find(all, name, &feature_report::name);
    return found == all.end() ? nullptr : &*found;
}

class uring_parts_test : public ::testing::Test {
  protected:
    /// Runs `body(loop)` on a loop with such buffers, unless this kernel has none.
    template <class Body>
    void run(buffer_pool_options buffers, uring_options wanted, Body body) {
        wanted.incremental_buffers = true;
        loop_options options{.backend = "io_uring", .buffers = buffers};
        options.bounds.uring = wanted;
        auto made = loop::create(std::move(options));
        if (!made) GTEST_SKIP() << made.error().message;
        const feature_report* const found = find_feature(**made, "incremental buffers");
        ASSERT_NE(found, nullptr);
        if (!found->on) GTEST_SKIP() << found->detail;
        try {
            (*made)->run(body(**made));
            (*made)->run(until([&l = **made] { return l.statistics().records == 0; }));
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
        EXPECT_EQ((*made)->statistics().buffers.parts, 0);
    }
    template <class Body>
    void run(buffer_pool_options buffers, Body body) {
        run(buffers, {}, body);
    }
};

task<> send_in_pieces(net::stream& to, const std::string& all, std::size_t most) {
    std::size_t size = 1;
    for (std::size_t sent = 0; sent < all.size(); sent += size) {
        size = std::min((size * 7 + 13) % most + 1, all.size() - sent);
        must(co_await to.send(std::string_view(all).substr(sent, size)));
    }
    must(co_await to.close());
}

task<> receive_all(net::stream& from, const std::string& expected) {
    std::string got;
    for (;;) {
        const lease part = must(co_await from.receive());
        if (part.empty()) break;
        got += part.text();
        co_await yield();
    }
    EXPECT_TRUE(same_bytes(got, expected));
}

/// Several connections at once, whose bytes lie beside each other in the buffers.
task<> traffic(std::size_t streams, std::size_t bytes, std::size_t most) {
    std::vector<stream_pair> pairs;
    std::vector<std::string> texts;
    std::vector<task<>> all;
    for (std::size_t i = 0; i < streams; ++i) {
        pairs.push_back(co_await connected());
        texts.push_back(pattern(bytes, static_cast<unsigned>(i)));
    }
    for (std::size_t i = 0; i < streams; ++i) {
        all.push_back(send_in_pieces(pairs[i].near, texts[i], most));
        all.push_back(receive_all(pairs[i].far, texts[i]));
    }
    co_await when_all(std::move(all));
}

// With a buffer for each there would be room for eight.
TEST_F(uring_parts_test, small_messages_share_buffers) {
    run({.buffer_size = 4096, .count = 8}, [](loop& l) -> task<> {
        constexpr std::size_t streams = 100;
        std::vector<stream_pair> pairs;
        for (std::size_t i = 0; i < streams; ++i) pairs.push_back(co_await connected());
        std::vector<lease> held;
        for (std::size_t i = 0; i < streams; ++i) {
            must(co_await pairs[i].near.send(pattern(100, static_cast<unsigned>(i))));
            held.push_back(must(co_await pairs[i].far.receive()));
        }
        for (std::size_t i = 0; i < streams; ++i) {
            std::string got(held[i].text());
            if (got.size() < 100) got += must(co_await pairs[i].far.receive()).text();  // its rest, in the next buffer
            EXPECT_TRUE(same_bytes(got, pattern(100, static_cast<unsigned>(i)))) << i;
        }
        EXPECT_GE(l.statistics().shared_buffers, streams - 4);
        EXPECT_GE(l.statistics().buffers.parts, streams);
        EXPECT_EQ(l.statistics().parked, 0U);
        held.clear();
        EXPECT_EQ(l.statistics().buffers.parts, 0);
    });
}

TEST_F(uring_parts_test, bytes_of_many_streams_are_not_mixed) {
    run({.buffer_size = 2048, .count = 64}, [](loop& l) -> task<> {
        co_await traffic(10, 60'000, 3000);
        EXPECT_GT(l.statistics().shared_buffers, 100U);
    });
}

TEST_F(uring_parts_test, neither_are_they_in_the_other_modes_of_a_ring) {
    for (const uring_options& mode :
         {uring_options{.submission_thread = true}, uring_options{.task_work = uring_task_work::cooperative},
          uring_options{.task_work = uring_task_work::interrupting}, uring_options{.restricted = true}}) {
        run({.buffer_size = 1024, .count = 64}, mode, [](loop& l) -> task<> {
            co_await traffic(6, 20'000, 700);
            EXPECT_GT(l.statistics().shared_buffers, 20U);
        });
    }
}

task<> hold_each_a_while(net::stream& from, const std::string& expected) {
    std::string got;
    while (got.size() < expected.size()) {
        const lease part = must(co_await from.receive());
        got += part.text();
        co_await turns(2);
    }
    EXPECT_TRUE(same_bytes(got, expected));
}

TEST_F(uring_parts_test, an_exhausted_pool_parks_its_readers_and_loses_nothing) {
    run({.buffer_size = 512, .count = 4}, [](loop& l) -> task<> {
        constexpr std::size_t readers = 16;
        std::vector<stream_pair> pairs;
        std::vector<std::string> texts;
        std::vector<task<>> all;
        for (std::size_t i = 0; i < readers; ++i) {
            pairs.push_back(co_await connected());
            texts.push_back(pattern(5'000, static_cast<unsigned>(i)));
        }
        for (std::size_t i = 0; i < readers; ++i) {
            all.push_back(send_in_pieces(pairs[i].near, texts[i], 2000));
            all.push_back(hold_each_a_while(pairs[i].far, texts[i]));
        }
        co_await when_all(std::move(all));
        EXPECT_GT(l.statistics().parked, 0U);
        EXPECT_LE(l.statistics().buffers.most_in_use, 4);
    });
}

TEST_F(uring_parts_test, a_lease_that_is_kept_keeps_its_bytes) {
    run({.buffer_size = 512, .count = 8}, [](loop&) -> task<> {
        stream_pair quiet = co_await connected();
        stream_pair busy = co_await connected();
        must(co_await quiet.near.send(pattern(64, 1)));
        lease kept = must(co_await quiet.far.receive());
        const std::string text = pattern(50'000, 2);
        co_await when_all(send_in_pieces(busy.near, text, 900), receive_all(busy.far, text));
        EXPECT_TRUE(same_bytes(kept.text(), pattern(64, 1).substr(0, kept.size())));
    });
}

// What is put back lies where it came, beside what is another's.
TEST_F(uring_parts_test, what_is_put_back_comes_again) {
    run({.buffer_size = 4096, .count = 8}, [](loop&) -> task<> {
        stream_pair one = co_await connected();
        stream_pair other = co_await connected();
        must(co_await one.near.send("first;"));
        lease first = must(co_await one.far.receive());
        must(co_await other.near.send("neighbour"));
        const lease beside = must(co_await other.far.receive());
        must(co_await one.near.send("second"));
        co_await turns(3);
        first.consume(2);
        one.far.unread(std::move(first));
        EXPECT_EQ(co_await receive_exactly(one.far, 10), "rst;second");
        EXPECT_EQ(beside.text(), "neighbour");
    });
}

// A peer that sends by the byte fills buffers, and neither the queue nor the credit.
TEST_F(uring_parts_test, bytes_that_follow_each_other_are_one_part) {
    run({.buffer_size = 4096, .count = 8}, [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        must(co_await pair.near.send("x"));
        const lease held = must(co_await pair.far.receive());
        for (int i = 0; i < 50; ++i) {
            must(co_await pair.near.send("y"));
            co_await turns(2);
        }
        EXPECT_LE(l.statistics().buffers.parts, 3);
        EXPECT_EQ(co_await receive_exactly(pair.far, 50), std::string(50, 'y'));
    });
}

TEST_F(uring_parts_test, beyond_the_parts_that_there_may_be_a_receive_fails_and_others_do_not) {
    run({.buffer_size = 4096, .count = 8, .most_parts = 4}, [](loop& l) -> task<> {
        std::vector<stream_pair> pairs;
        std::vector<lease> held;
        for (std::size_t i = 0; i < 5; ++i) {
            pairs.push_back(co_await connected());
            must(co_await pairs[i].near.send("x"));
            auto came = co_await pairs[i].far.receive();
            if (i == 4) {
                EXPECT_TRUE(is_error(came, std::errc::no_buffer_space));
            } else {
                held.push_back(must(std::move(came)));
            }
        }
        EXPECT_GE(l.statistics().buffers.parts_refused, 1U);
        held.clear();
        must(co_await pairs[0].near.send("again"));
        EXPECT_EQ(co_await receive_exactly(pairs[0].far, 5), "again");
    });
}

TEST_F(uring_parts_test, a_stream_that_is_cancelled_closed_or_reset_leaves_nothing) {
    run({.buffer_size = 1024, .count = 8}, [](loop&) -> task<> {
        for (int i = 0; i < 12; ++i) {
            stream_pair pair = co_await connected();
            must(co_await pair.near.send(pattern(700)));
            const auto stopped = co_await with_timeout(duration(i * 1000), receive_from(pair.far));
            EXPECT_TRUE(stopped.has_value() || is_error(stopped, std::errc::timed_out));
            if (i % 3 == 1) must(co_await pair.far.close());
            if (i % 3 == 2) {
                must(co_await pair.near.set_option(net::socket_option::linger, 0));
                must(co_await pair.near.close());
            }
        }
    });
}

task<std::string> read_to_end(adopted& from) {
    std::string all;
    for (;;) {
        const lease part = must(co_await from.receive());
        if (part.empty()) co_return all;
        all += part.text();
    }
}

TEST_F(uring_parts_test, what_is_read_ahead_shares_them_too) {
    const temporary_directory directory;
    const std::string text = pattern(10'000);
    std::ofstream(directory / "file", std::ios::binary) << text;
    run({.buffer_size = 1024, .count = 16}, [&](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        auto ends = must(co_await make_pipe());
        for (const bool ahead : {false, true}) {
            ends.first.set_reading_ahead(ahead);
            for (unsigned i = 0; i < 20; ++i) {
                must(co_await ends.second.send(pattern(90, i)));
                must(co_await pair.near.send(pattern(50, i)));
                EXPECT_TRUE(same_bytes(co_await receive_exactly(ends.first, 90), pattern(90, i)));
                EXPECT_TRUE(same_bytes(co_await receive_exactly(pair.far, 50), pattern(50, i)));
            }
        }
        EXPECT_GT(l.statistics().shared_buffers, 40U);
        const int fd = ::open((directory / "file").c_str(), O_RDONLY | O_CLOEXEC);
        auto file = must(co_await adopt(fd));
        EXPECT_TRUE(same_bytes(co_await read_to_end(file), text));
        must(co_await file.close());
    });
}

TEST_F(uring_parts_test, what_must_be_read_whole_is) {
    run({.buffer_size = 1024, .count = 16}, [](loop&) -> task<> {
        stream_pair pair = co_await connected();
        const int fd = ::eventfd(0, EFD_CLOEXEC);
        auto counter = must(co_await adopt(fd));
        constexpr std::size_t all_but_a_rest = 1020;
        for (unsigned i = 0; i < 3; ++i) {
            must(co_await pair.near.send(pattern(all_but_a_rest, i)));
            EXPECT_TRUE(same_bytes(co_await receive_exactly(pair.far, all_but_a_rest), pattern(all_but_a_rest, i)));
            EXPECT_EQ(::eventfd_write(fd, 1), 0);
            EXPECT_EQ(must(co_await counter.receive()).size(), sizeof(::eventfd_t));
        }
        must(co_await counter.close());
    });
}

TEST_F(uring_parts_test, bundles_are_refused_beside_them) {
    run({.count = 64}, {.bundles = true}, [](loop& l) -> task<> {
        const feature_report* const bundles = find_feature(l, "bundles");
        EXPECT_TRUE(bundles != nullptr && !bundles->on && !bundles->detail.empty());
        co_await traffic(2, 50'000, 5000);
    });
}

}  // namespace
}  // namespace penstock
