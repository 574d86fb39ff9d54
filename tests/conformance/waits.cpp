// Waiting for descriptors that the program serves itself, and for its children.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace penstock::testing {
namespace {

class waits : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (IsSkipped()) return;
        if (capabilities()[op_kind::adopt].support == support::unsupported) {
            GTEST_SKIP() << capabilities()[op_kind::adopt].why;
        }
    }
};
PENSTOCK_ON_EVERY_BACKEND(waits);

task<> write_later(const descriptor& to) {
    co_await turns(5);
    write_text(to.name(), "x");
}

TEST_P(waits, a_descriptor_is_readable_when_there_is_something_which_stays) {
    run([]() -> task<> {
        raw_pipe pipe;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, write_later(pipe.writer));
            const auto found = must(co_await wait_readable(pipe.reader.get()));
            EXPECT_TRUE(found.readable);
            EXPECT_FALSE(found.hung_up);
            co_await s.join();
        });
        const auto again = must(co_await wait_readable(pipe.reader.get()));
        EXPECT_TRUE(again.readable);
        EXPECT_EQ(read_available(pipe.reader.name()), "x");
        pipe.writer.reset();
        const auto ended = must(co_await wait_readable(pipe.reader.get()));
        EXPECT_TRUE(ended.hung_up);
    });
}

TEST_P(waits, a_descriptor_is_writable_when_there_is_room) {
    run([]() -> task<> {
        raw_pipe pipe;
        const auto empty = must(co_await wait_writable(pipe.writer.get()));
        EXPECT_TRUE(empty.writable);
        ::fcntl(pipe.writer.get(), F_SETFL, O_NONBLOCK);
        const std::string much(4096, 'x');
        while (::write(pipe.writer.get(), much.data(), much.size()) > 0) {
        }
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, wait_writable(pipe.writer.get()));
            EXPECT_TRUE(is_cancelled(r));
        }
        std::string taken(much.size() * 2, '\0');
        EXPECT_GT(::read(pipe.reader.get(), taken.data(), taken.size()), 0);
        const auto room = must(co_await wait_writable(pipe.writer.get()));
        EXPECT_TRUE(room.writable);
        pipe.reader.reset();
        const auto broken = must(co_await wait_writable(pipe.writer.get()));
        EXPECT_TRUE(broken.failed);
    });
}

TEST_P(waits, an_epoll_instance_of_the_program_is_readable_when_it_would_answer) {
    run([]() -> task<> {
        const descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
        const descriptor counter(::eventfd(0, EFD_CLOEXEC));
        ::epoll_event event{.events = EPOLLIN, .data = {.u64 = 42}};
        ::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, counter.get(), &event);
        const auto none = co_await cancelled_after(3, wait_readable(epoll.get()));
        EXPECT_TRUE(is_cancelled(none));
        const std::uint64_t one = 1;
        EXPECT_EQ(::write(counter.get(), &one, sizeof one), 8);
        const auto found = must(co_await wait_readable(epoll.get()));
        EXPECT_TRUE(found.readable);
        ::epoll_event got{};
        EXPECT_EQ(::epoll_wait(epoll.get(), &got, 1, 0), 1);
        const std::uint64_t told = got.data.u64;  // the structure is packed: no reference to what is in it
        EXPECT_EQ(told, 42U);
    });
}

TEST_P(waits, what_is_no_descriptor_is_an_error_and_a_file_is_ready) {
    run([]() -> task<> {
        raw_pipe pipe;
        const int gone = pipe.writer.get();
        pipe.writer.reset();
        const auto closed = co_await wait_readable(gone);
        EXPECT_TRUE(is_error(closed, std::errc::bad_file_descriptor));
        const auto none = co_await wait_writable(-1);
        EXPECT_TRUE(is_error(none, std::errc::bad_file_descriptor));
        const temporary_directory at;
        const descriptor file(::open((at / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        const auto readable = must(co_await wait_readable(file.get()));
        EXPECT_TRUE(readable.readable);
        const auto writable = must(co_await wait_writable(file.get()));
        EXPECT_TRUE(writable.writable);
    });
}

TEST_P(waits, a_cancelled_wait_ends_and_the_next_one_sees_what_came) {
    run([]() -> task<> {
        raw_pipe pipe;
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, wait_readable(pipe.reader.get()));
            EXPECT_TRUE(is_cancelled(r));
        }
        write_text(pipe.writer.name(), "x");
        const auto found = must(co_await wait_readable(pipe.reader.get()));
        EXPECT_TRUE(found.readable);
        const auto too_late = co_await cancelled_after(7, wait_readable(pipe.reader.get()));
        EXPECT_TRUE(too_late.has_value() || is_cancelled(too_late));
    });
}

/// A child that ends when it hears of it, with that status.
class child {
  public:
    explicit child(int status) {
        process_ = ::fork();
        if (process_ != 0) return;
        char byte = 0;
        ::close(ending_.writer.get());
        static_cast<void>(::read(ending_.reader.get(), &byte, 1));
        ::_exit(status);
    }
    ~child() { end(); }
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    void end() { ending_.writer.reset(); }
    ::pid_t process() const { return process_; }

  private:
    raw_pipe ending_;
    ::pid_t process_ = -1;
};

TEST_P(waits, a_child_says_how_it_has_ended) {
    run([]() -> task<> {
        child first(7);
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, wait_for_child(first.process()));
            EXPECT_TRUE(is_cancelled(r));
        }
        first.end();
        const auto ended = must(co_await wait_for_child(first.process()));
        EXPECT_FALSE(ended.by_signal);
        EXPECT_EQ(ended.status, 7);
        const auto twice = co_await wait_for_child(first.process());
        EXPECT_TRUE(is_error(twice, std::errc::no_child_process));

        child second(0);
        ::kill(second.process(), SIGKILL);
        const auto killed = must(co_await wait_for_child(second.process()));
        EXPECT_TRUE(killed.by_signal);
        EXPECT_EQ(killed.status, SIGKILL);
        const auto parent = co_await wait_for_child(::getppid() > 0 ? ::getpid() : 1);
        EXPECT_TRUE(is_error(parent, std::errc::no_child_process));
    });
}

}  // namespace
}  // namespace penstock::testing
