// fork(2): a loop belongs to the process that made it.
#include "support/build_kind.hpp"
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>

namespace penstock::testing {
namespace {

using forks = on_backend;
PENSTOCK_ON_EVERY_BACKEND(forks);

struct ended_child {
    int status = 0;
    std::string said;  ///< on standard error
};

ended_child in_child(const std::function<void()>& act) {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const descriptor reading(ends[0]);
    descriptor writing(ends[1]);
    const ::pid_t child = ::fork();
    if (child == 0) {
        const ::rlimit no_core{};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::dup2(writing.get(), 2);
        act();
        ::_exit(0);
    }
    writing.reset();
    ended_child ended;
    char piece[512];
    for (::ssize_t n = 0; (n = ::read(reading.get(), piece, sizeof piece)) > 0;) {
        ended.said.append(piece, static_cast<std::size_t>(n));
    }
    ::waitpid(child, &ended.status, 0);
    return ended;
}

task<> say_and_hear(stream_pair& pair) {
    must(co_await pair.near.send("hello"));
    EXPECT_EQ(co_await receive_exactly(pair.far, 5), "hello");
}

task<> nothing() { co_return; }

class forks_with_a_loop : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (IsSkipped() || HasFatalFailure()) return;
        loop_ = make_loop();
        ASSERT_NE(loop_, nullptr);
        pair_.emplace(loop_->run(connected()));
        // A receive is armed, as in a busy program.
        const auto waited = loop_->run(cancelled_after(2, receive_from(pair_->far)));
        ASSERT_TRUE(is_cancelled(waited));
    }
    void TearDown() override {
        if (loop_ != nullptr) {
            const watched watching(*loop_);
            loop_->run(say_and_hear(*pair_));  // the parent is as good as before
            pair_.reset();
            expect_idle(*loop_);
        }
        loop_.reset();
        on_backend::TearDown();
    }
    std::unique_ptr<loop> loop_;
    std::optional<stream_pair> pair_;
};
PENSTOCK_ON_EVERY_BACKEND(forks_with_a_loop);

void expect_one_line_and_abort(const ended_child& child) {
    EXPECT_TRUE(WIFSIGNALED(child.status) && WTERMSIG(child.status) == SIGABRT) << "status " << child.status;
    EXPECT_TRUE(child.said.starts_with("penstock: ")) << child.said;
    EXPECT_NE(child.said.find("forked child"), std::string::npos) << child.said;
    EXPECT_EQ(std::ranges::count(child.said, '\n'), 1) << child.said;
}

TEST_P(forks_with_a_loop, running_it_in_the_child_aborts_with_one_line) {
    expect_one_line_and_abort(in_child([&] { loop_->run(nothing()); }));
}

TEST_P(forks_with_a_loop, using_its_streams_in_the_child_aborts_with_one_line) {
    expect_one_line_and_abort(in_child([&] { loop_->run(say_and_hear(*pair_)); }));
}

TEST_P(forks_with_a_loop, a_child_that_only_exits_is_harmless) {
    const ended_child child = in_child([] {});
    EXPECT_EQ(child.status, 0);
    EXPECT_EQ(child.said, "");
}

TEST_P(forks_with_a_loop, a_child_that_drops_it_is_harmless) {
    const ended_child child = in_child([&] { loop_.reset(); });
    EXPECT_EQ(child.status, 0);
    EXPECT_EQ(child.said, "");
}

TEST_P(forks_with_a_loop, a_child_in_the_middle_of_io_is_harmless) {
    const watched watching(*loop_);
    loop_->run([](stream_pair& pair) -> task<> {
        std::optional<result<lease>> got;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, keep(receive_from(pair.near), got));
            co_await turns(2);
            EXPECT_EQ(in_child([] {}).status, 0);
            must(co_await pair.far.send("after the fork"));
            co_await s.join();
        });
        EXPECT_EQ(must(std::move(*got)).text(), "after the fork");
    }(*pair_));
}

TEST_P(forks, a_child_makes_loops_of_its_own) {
    if (is_sanitized) GTEST_SKIP() << "sanitizers do not start threads in a forked child";
    const ended_child child = in_child([&] {
        const auto l = make_loop();
        if (l == nullptr) ::_exit(1);
        l->run([]() -> task<> {
            auto pair = co_await connected();
            co_await say_and_hear(pair);
        }());
        if (HasFailure()) ::_exit(1);
    });
    EXPECT_EQ(child.status, 0) << child.said;
}

TEST_P(forks, what_a_loop_opens_is_not_inherited_by_programs) {
    std::vector<std::string> before = open_descriptors();
    run([&]() -> task<> {
        auto pair = co_await connected();
        auto pipe = must(co_await make_pipe());
        auto door = must(co_await net::listen(endpoint::loopback(0)));
        auto file = must(co_await fs::open("/dev/null"));
        for (const std::string& name : open_descriptors()) {
            if (std::ranges::find(before, name) != before.end()) continue;
            const int fd = std::stoi(name);
            EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << name;
        }
    });
}

}  // namespace
}  // namespace penstock::testing
