// A ring of buffers for each size class of the pool, seen from a program: by what the kernel has filled.
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

class uring_classes_test : public ::testing::Test {
  protected:
    /// Runs `body(loop)` on a loop with these buffers, unless `feature` cannot be had here.
    template <class Body>
    void run(buffer_pool_options buffers, uring_options wanted, std::string_view feature, Body body) {
        loop_options options{.backend = "io_uring", .buffers = buffers};
        options.bounds.uring = wanted;
        auto made = loop::create(std::move(options));
        if (!made) GTEST_SKIP() << made.error().message;
        for (const std::string_view name : {std::string_view("provided buffers"), feature}) {
            const auto& all = (*made)->explain().features;
            const auto found = std::ranges::find(all, name, &feature_report::name);
            ASSERT_NE(found, all.end()) << name;
            if (!found->on) GTEST_SKIP() << name << ": " << found->detail;
        }
        try {
            (*made)->run(body(**made));
            (*made)->run(until([&l = **made] { return l.statistics().records == 0; }));
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
};

/// Sends `text` and receives it in that class. \return the completions of both ends.
task<std::uint64_t> move_across(loop& l, unsigned buffer_class, const std::string& text) {
    stream_pair pair = co_await connected();
    must(pair.far.receive_in(buffer_class));
    const std::uint64_t before = l.statistics().completions;
    co_await when_all(
        [](net::stream& to, const std::string& what) -> task<> {
            must(co_await to.send(what));
            must(co_await to.close());
        }(pair.near, text),
        [](net::stream& from, const std::string& what) -> task<> {
            EXPECT_TRUE(same_bytes(co_await receive_to_end(from), what));
        }(pair.far, text));
    co_return l.statistics().completions - before;
}

// The kernel is asked, not the program: a receive into the small ones could not end with so few completions.
TEST_F(uring_classes_test, the_kernel_fills_the_buffers_of_the_class_that_is_wanted) {
    buffer_pool_options buffers{.buffer_size = 1024, .count = 64};
    buffers.more[1] = {.buffer_size = 64 * 1024, .count = 8};
    run(buffers, {}, "provided buffers", [](loop& l) -> task<> {
        const std::string text = pattern(1 << 20);
        const std::uint64_t small = co_await move_across(l, 0, text);
        const std::uint64_t large = co_await move_across(l, 2, text);
        EXPECT_GE(small, 1024U);
        EXPECT_LE(large, 256U);
        EXPECT_EQ(l.statistics().parked, 0U);
    });
}

TEST_F(uring_classes_test, each_ring_is_stocked_and_none_is_there_for_classes_that_are_not) {
    buffer_pool_options buffers{.buffer_size = 1024, .count = 64};
    buffers.more[1] = {.buffer_size = 4096, .count = 8};
    run(buffers, {}, "provided buffers", [](loop& l) -> task<> {
        co_await turns(3);
        const buffer_pool_statistics now = l.statistics().buffers;
        EXPECT_EQ(now.in_use, 48);
        EXPECT_EQ(now.more[0].in_use, 0);
        EXPECT_EQ(now.more[1].in_use, 6);
        const auto& all = l.explain().features;
        const auto found = std::ranges::find(all, "provided buffers", &feature_report::name);
        EXPECT_EQ(found->detail, "a ring for each of 2 size classes");
    });
}

// A multishot receive of small buffers waits in the kernel, and has to end before large ones are filled.
TEST_F(uring_classes_test, a_receive_that_goes_on_by_itself_is_stopped_for_another_class) {
    buffer_pool_options buffers{.buffer_size = 1024, .count = 64};
    buffers.more[0] = {.buffer_size = 64 * 1024, .count = 8};
    run(buffers, {}, "limited receives", [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        must(co_await pair.near.send("small"));
        lease first = must(co_await pair.far.receive());
        EXPECT_EQ(first.text(), "small");
        first.reset();
        must(pair.far.receive_in(1));
        co_await turns(3);
        const std::string text = pattern(64 * 1024);
        must(co_await pair.near.send(text));
        co_await turns(3);
        const std::uint64_t before = l.statistics().completions;
        const std::string got = co_await receive_exactly(pair.far, text.size());
        EXPECT_TRUE(same_bytes(got, text));
        EXPECT_LE(l.statistics().completions - before, 32U);
    });
}

TEST_F(uring_classes_test, a_receive_that_is_no_entry_takes_from_its_class_too) {
    loop_options options{.backend = "io_uring", .buffers = {.buffer_size = 1024, .count = 64}};
    options.buffers.more[0] = {.buffer_size = 64 * 1024, .count = 2};  // of which the ring leaves it one
    options.bounds.denied = {op_kind::receive};
    auto made = loop::create(std::move(options));
    if (!made) GTEST_SKIP() << made.error().message;
    (*made)->run([]() -> task<> {
        stream_pair pair = co_await connected();
        must(pair.far.receive_in(1));
        must(co_await pair.near.send(pattern(32 * 1024)));
        co_await turns(3);
        const lease got = must(co_await pair.far.receive());
        EXPECT_GT(got.size(), 1024U);
    }());
}

// Reads of a pipe take whole buffers, which a ring of such buffers has not: they are the ones that it leaves.
TEST_F(uring_classes_test, the_smallest_ring_leaves_one_for_who_can_not_use_it) {
    buffer_pool_options buffers{.buffer_size = 1024, .count = 3};
    buffers.more[0] = {.buffer_size = 4096, .count = 2};
    run(buffers, {.incremental_buffers = true}, "incremental buffers", [](loop&) -> task<> {
        auto [from, to] = must(co_await make_pipe());
        for (unsigned i = 0; i < 6; ++i) {
            must(from.receive_in(i % 2));
            must(co_await to.send("x"));
            const lease got = must(co_await with_timeout(5s, from.receive()));
            EXPECT_EQ(got.text(), "x");
        }
    });
}

// One waits for the ring and one for the pool; what comes back to the ring is the first one's.
TEST_F(uring_classes_test, who_waits_for_the_pool_does_not_hold_up_who_waits_for_the_ring) {
    run({.buffer_size = 1024, .count = 2}, {.incremental_buffers = true}, "incremental buffers", [](loop& l) -> task<> {
        auto [from, to] = must(co_await make_pipe());
        stream_pair pair = co_await connected();
        must(co_await to.send("first"));
        lease kept = must(co_await with_timeout(5s, from.receive()));
        co_await with_scope([&](scope& s) -> task<> {
            std::optional<result<lease>> late;
            spawn(s, keep(receive_from(from), late));
            must(co_await to.send("late"));
            co_await until([&] { return l.statistics().parked > 0; });
            for (int i = 0; i < 20; ++i) {
                must(co_await pair.near.send("ping"));
                const lease got = must(co_await with_timeout(5s, pair.far.receive()));
                EXPECT_EQ(got.text(), "ping");
            }
            EXPECT_FALSE(late.has_value());
            kept.reset();
            co_await s.join();
            EXPECT_EQ(must(std::move(*late)).text(), "late");
        });
    });
}

TEST_F(uring_classes_test, bundles_are_of_the_class_that_is_wanted) {
    buffer_pool_options buffers{.buffer_size = 32 * 1024, .count = 8};
    buffers.more[0] = {.buffer_size = 1024, .count = 64};
    run(buffers, {.bundles = true}, "bundles", [](loop& l) -> task<> {
        co_await move_across(l, 1, pattern(1 << 20));
        EXPECT_GT(l.statistics().bundled_buffers, 100U);
        co_await move_across(l, 0, pattern(1 << 20));
    });
}

TEST_F(uring_classes_test, messages_share_buffers_of_the_class_that_is_wanted) {
    buffer_pool_options buffers{.buffer_size = 1024, .count = 8};
    buffers.more[0] = {.buffer_size = 8192, .count = 4};
    run(buffers, {.incremental_buffers = true}, "incremental buffers", [](loop& l) -> task<> {
        constexpr std::size_t streams = 50;
        std::vector<stream_pair> pairs;
        std::vector<lease> held;
        for (std::size_t i = 0; i < streams; ++i) pairs.push_back(co_await connected());
        for (std::size_t i = 0; i < streams; ++i) {
            must(pairs[i].far.receive_in(1));
            must(co_await pairs[i].near.send(pattern(400, static_cast<unsigned>(i))));
            held.push_back(must(co_await with_timeout(5s, pairs[i].far.receive())));
        }
        // 20,000 bytes that nobody has let go of: three of the large ones hold them, eight of the small ones could not.
        EXPECT_GE(l.statistics().shared_buffers, streams - 4);
        EXPECT_EQ(l.statistics().parked, 0U);
        for (std::size_t i = 0; i < streams; ++i) {
            std::string got(held[i].text());
            if (got.size() < 400) got += must(co_await pairs[i].far.receive()).text();  // its rest, in the next buffer
            EXPECT_TRUE(same_bytes(got, pattern(400, static_cast<unsigned>(i)))) << i;
        }
        held.clear();
        co_await move_across(l, 0, pattern(100'000));
        co_await move_across(l, 1, pattern(100'000));
    });
}

}  // namespace
}  // namespace penstock
