// Running out of descriptors: accepting pauses and goes on, everything else says so.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <vector>

namespace penstock::testing {
namespace {

class shortages : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (capabilities().own_world) GTEST_SKIP() << own_world;
    }
};
PENSTOCK_ON_EVERY_BACKEND(shortages);

/// While it lives, only `free` more descriptors can be opened.
class few_descriptors {
  public:
    explicit few_descriptors(int free) {
        ::getrlimit(RLIMIT_NOFILE, &before_);
        std::vector<descriptor> probes;
        for (int i = 0; i <= free; ++i) probes.emplace_back(::dup(0));
        ::rlimit now = before_;
        now.rlim_cur = static_cast<::rlim_t>(probes.back().get());  // the lowest number that is too high
        ::setrlimit(RLIMIT_NOFILE, &now);
    }
    ~few_descriptors() { lift(); }
    few_descriptors(const few_descriptors&) = delete;
    few_descriptors& operator=(const few_descriptors&) = delete;
    void lift() { ::setrlimit(RLIMIT_NOFILE, &before_); }

  private:
    ::rlimit before_{};
};

/// Peers that exist before the shortage; plain sockets, since the point is the listener.
struct crowd {
    explicit crowd(std::size_t size) {
        for (std::size_t i = 0; i < size; ++i) members.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    }
    void connect(const endpoint& to) {
        for (const descriptor& member : members) {
            EXPECT_EQ(::connect(member.get(), reinterpret_cast<const ::sockaddr*>(to.raw()), to.raw_size()), 0);
        }
    }
    std::vector<descriptor> members;
};

TEST_P(shortages, accepting_pauses_does_not_spin_and_goes_on) {
    run([]() -> task<> {
        constexpr std::size_t count = 12;
        crowd outside(count);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        const few_descriptors limit(3);
        outside.connect(at);
        std::vector<net::stream> inside;
        for (int i = 0; i < 3; ++i) inside.push_back(must(co_await door.accept()));

        const std::uint64_t before = current_loop->statistics().turns;
        const auto none = co_await with_timeout(300ms, door.accept());
        EXPECT_TRUE(is_error(none, std::errc::timed_out));
        EXPECT_LT(current_loop->statistics().turns - before, 60U) << "the loop spins";
        EXPECT_GE(current_loop->statistics().accept_pauses, 1U);

        // Each close makes room for one more, at once.
        for (std::size_t i = 3; i < count; ++i) {
            must(co_await inside.front().close());
            inside.erase(inside.begin());
            inside.push_back(must(co_await with_timeout(5s, door.accept())));
        }
    });
}

TEST_P(shortages, accepting_goes_on_when_others_free_descriptors) {
    run([]() -> task<> {
        crowd outside(3);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        few_descriptors limit(1);
        outside.connect(at);
        auto first = must(co_await door.accept());
        const auto none = co_await with_timeout(20ms, door.accept());
        EXPECT_TRUE(is_error(none, std::errc::timed_out));
        limit.lift();  // not by anything that the loop would know of
        auto second = must(co_await with_timeout(5s, door.accept()));
        auto third = must(co_await with_timeout(5s, door.accept()));
    });
}

TEST_P(shortages, a_paused_accept_is_cancelled_asked_again_closed_and_drained) {
    run([]() -> task<> {
        for (int ends = 0; ends < 3; ++ends) {
            crowd outside(4);
            auto door = must(co_await net::listen(endpoint::loopback(0)));
            const endpoint at = must(co_await door.local_endpoint());
            few_descriptors limit(1);
            outside.connect(at);
            auto first = must(co_await door.accept());
            // The pause, the cancelled accepts and new ones meet in every order.
            for (int i = 0; i < 30; ++i) {
                const auto none = co_await cancelled_after(i % 4, accept_from(door));
                EXPECT_TRUE(is_cancelled(none)) << ends << ' ' << i;
            }
            if (ends == 0) {
                must(co_await door.close());
            } else if (ends == 1) {
                limit.lift();
                int drained = 0;
                for (; auto next = co_await door.drain(); ++drained) must(co_await next->close());
                EXPECT_EQ(drained, 3);
            } else {
                must(co_await first.close());
                auto next = must(co_await with_timeout(5s, door.accept()));
                must(co_await next.close());
            }
            must(co_await first.close());
            must(co_await door.close());
        }
    });
}

/// While it lives, only `free` more descriptors with a number below `end` can be opened.
class crowded_below {
  public:
    crowded_below(std::uint32_t end, std::size_t free) {
        const int last = static_cast<int>(end) - 1;
        while (taken_.empty() || taken_.back().get() < last) taken_.emplace_back(::fcntl(0, F_DUPFD_CLOEXEC, 0));
        if (taken_.back().get() > last) taken_.pop_back();
        taken_.resize(taken_.size() - free);
    }

  private:
    std::vector<descriptor> taken_;
};

class numbers : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (!IsSkipped() && most() == 0) GTEST_SKIP() << "it watches descriptors of any number";
    }
    /// Descriptors with this number or a higher one are refused.
    std::uint32_t most() const { return capabilities().most_descriptors; }
};
PENSTOCK_ON_EVERY_BACKEND(numbers);

TEST_P(numbers, beyond_what_can_be_watched_are_refused_by_whatever_opens_one) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        {
            const crowded_below limit(most(), 0);
            const auto made = co_await net::connect(at);
            EXPECT_TRUE(is_error(made, errc::too_many_open_files));
            EXPECT_TRUE(is_error(made, std::errc::too_many_files_open));
            EXPECT_NE(made.error().message().find(std::to_string(most())), std::string::npos);
            const auto other = co_await net::listen(endpoint::loopback(0));
            EXPECT_TRUE(is_error(other, errc::too_many_open_files));
            const auto pipe = co_await make_pipe();
            EXPECT_TRUE(is_error(pipe, errc::too_many_open_files));
            const descriptor large(::dup(0));
            const auto taken = co_await adopt(large.get(), ownership::borrow);
            EXPECT_TRUE(is_error(taken, errc::too_many_open_files));
            EXPECT_EQ(current_loop->statistics().descriptors_refused, 4U);
            // Nobody waits for a file to be ready.
            auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true}));
            must(co_await file.close());
        }
        auto made = must(co_await net::connect(at));
    });
}

TEST_P(numbers, beyond_what_can_be_watched_make_accepting_pause_and_lose_no_connection) {
    run([&]() -> task<> {
        constexpr std::size_t count = 12;
        crowd outside(count);
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        const crowded_below limit(most(), 3);
        outside.connect(at);
        for (std::size_t i = 0; i < count; ++i) write_text(outside.members[i].name(), std::to_string(i) + ".");
        std::vector<net::stream> inside;
        for (;;) {
            auto next = co_await with_timeout(300ms, door.accept());
            if (!next) break;
            inside.push_back(std::move(*next));
        }
        EXPECT_GE(inside.size(), 3U);
        EXPECT_LT(inside.size(), count);
        EXPECT_GE(current_loop->statistics().accept_pauses, 1U);
        EXPECT_GE(current_loop->statistics().descriptors_refused, 1U);

        const std::uint64_t before = current_loop->statistics().turns;
        const auto none = co_await with_timeout(300ms, door.accept());
        EXPECT_TRUE(is_error(none, std::errc::timed_out));
        EXPECT_LT(current_loop->statistics().turns - before, 60U) << "the loop spins";

        // Each close makes room for one more, and each connection is still there.
        for (std::size_t i = 0; i < count; ++i) {
            const std::string expected = std::to_string(i) + ".";
            EXPECT_EQ(co_await receive_exactly(inside.front(), expected.size()), expected);
            must(co_await inside.front().close());
            inside.erase(inside.begin());
            if (i + inside.size() + 1 < count) inside.push_back(must(co_await with_timeout(5s, door.accept())));
        }
    });
}

TEST_P(shortages, connecting_opening_and_piping_say_so) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        const endpoint at = must(co_await door.local_endpoint());
        {
            const few_descriptors limit(0);
            const auto made = co_await net::connect(at);
            EXPECT_TRUE(is_error(made, std::errc::too_many_files_open));
            const auto other = co_await net::listen(endpoint::loopback(0));
            EXPECT_TRUE(is_error(other, std::errc::too_many_files_open));
            const auto file = co_await fs::open(directory / "file", {.write = true, .create = true});
            EXPECT_TRUE(is_error(file, std::errc::too_many_files_open));
            const auto pipe = co_await make_pipe();
            EXPECT_TRUE(is_error(pipe, std::errc::too_many_files_open));
        }
        auto made = must(co_await net::connect(at));
    });
}

TEST_P(shortages, a_loop_that_cannot_be_had_says_why_in_one_line) {
    for (int free = 0; free < 4; ++free) {
        std::expected<std::unique_ptr<loop>, setup_error> made;
        {
            const few_descriptors limit(free);
            made = loop::create(options());
        }
        if (made) continue;  // this backend needs no more
        EXPECT_EQ(made.error().code, std::errc::too_many_files_open) << made.error().message;
        EXPECT_NE(made.error().message.find(backend()), std::string::npos) << made.error().message;
        EXPECT_EQ(made.error().message.find('\n'), std::string::npos) << made.error().message;
    }
}

}  // namespace
}  // namespace penstock::testing
