// tee(2): what is in a pipe, also in another.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"

#include <sys/eventfd.h>

namespace penstock::testing {
namespace {

class tees : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (IsSkipped()) return;
        if (capabilities()[op_kind::tee].support == support::unsupported) {
            GTEST_SKIP() << capabilities()[op_kind::tee].why;
        }
    }
};
PENSTOCK_ON_EVERY_BACKEND(tees);

struct pipe_ends {
    adopted reader;
    adopted writer;
};

task<pipe_ends> open_pipe() {
    auto ends = must(co_await make_pipe());
    co_return pipe_ends{std::move(ends.first), std::move(ends.second)};
}

TEST_P(tees, what_is_copied_stays_and_is_the_same) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        must(co_await from.writer.send("hello"));
        EXPECT_EQ(must(co_await tee(from.reader, to.writer, 2)), 2U);
        const std::string some = co_await receive_exactly(to.reader, 2);
        EXPECT_EQ(some, "he");
        const std::size_t n = must(co_await tee(from.reader, to.writer, 100));
        EXPECT_GE(n, 1U);
        const std::string copy = co_await receive_exactly(to.reader, n);
        const std::string original = co_await receive_exactly(from.reader, 5);
        EXPECT_EQ(original, "hello");
        EXPECT_EQ(copy, original.substr(0, n));
    });
}

task<> send_later(adopted& to, std::string text) {
    co_await turns(5);
    must(co_await to.send(std::string_view(text)));
}

TEST_P(tees, wait_for_something_and_end_with_the_source) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_later(from.writer, "x"));
            EXPECT_EQ(must(co_await tee(from.reader, to.writer, 100)), 1U);
            co_await s.join();
        });
        const std::string original = co_await receive_exactly(from.reader, 1);
        EXPECT_EQ(original, "x");
        must(co_await from.writer.close());
        EXPECT_EQ(must(co_await tee(from.reader, to.writer, 100)), 0U);
    });
}

task<std::size_t> fill(adopted& pipe) {
    const std::string much(4096, 'x');
    std::size_t all = 0;
    for (bool fits = true; fits;) {
        auto sent = co_await cancelled_after(20, send_to(pipe, much));
        fits = sent.has_value();
        if (fits) all += much.size();
    }
    co_return all;
}

task<> empty_later(adopted& pipe) {
    co_await turns(5);
    constexpr std::size_t two_pages = 8192;  // room is made by the page
    for (std::size_t taken = 0; taken < two_pages;) {
        const auto some = co_await pipe.receive();
        if (!some) co_return;  // there was less, and room from the beginning
        taken += some->size();
    }
}

TEST_P(tees, wait_for_room) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        must(co_await from.writer.send("x"));
        co_await fill(to.writer);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, empty_later(to.reader));
            EXPECT_EQ(must(co_await tee(from.reader, to.writer, 100)), 1U);
        });
    });
}

TEST_P(tees, a_cancelled_one_has_copied_nothing_and_the_next_begins_anew) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, tee(from.reader, to.writer, 100));
            EXPECT_TRUE(is_cancelled(r));
        }
        must(co_await from.writer.send("x"));
        EXPECT_EQ(must(co_await tee(from.reader, to.writer, 100)), 1U);
        const std::string copy = co_await receive_exactly(to.reader, 1);
        EXPECT_EQ(copy, "x");
    });
}

task<> close_later(adopted& pipe) {
    co_await turns(5);
    must(co_await pipe.close());
}

TEST_P(tees, what_can_not_be_done_is_an_error) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        must(co_await from.writer.send("x"));
        co_await fails(tee(from.reader, from.writer, 100), std::errc::invalid_argument);
        adopted none;
        co_await fails(tee(from.reader, none, 100), std::errc::bad_file_descriptor);
        must(co_await to.reader.close());
        co_await fails(tee(from.reader, to.writer, 100), std::errc::broken_pipe);
        lease piece = must(co_await from.reader.receive());
        from.reader.unread(std::move(piece));
        co_await fails(tee(from.reader, to.writer, 100), std::errc::device_or_resource_busy);
    });
}

TEST_P(tees, a_close_of_either_pipe_ends_one_that_waits) {
    run([]() -> task<> {
        pipe_ends from = co_await open_pipe();
        pipe_ends to = co_await open_pipe();
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, close_later(from.reader));
            const auto r = co_await tee(from.reader, to.writer, 100);
            EXPECT_TRUE(is_cancelled(r));
            co_await s.join();
        });
    });
}

TEST_P(tees, only_pipes_can_be_copied) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    run([]() -> task<> {
        pipe_ends to = co_await open_pipe();
        auto counter = must(co_await adopt(::eventfd(1, EFD_CLOEXEC)));
        co_await fails(tee(counter, to.writer, 100), std::errc::invalid_argument);
    });
}

}  // namespace
}  // namespace penstock::testing
