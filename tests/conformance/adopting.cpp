// Adopted descriptors: whatever standard input may be, in whatever mode, never stops the loop.
#include "support/descriptor.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <termios.h>
#include <unistd.h>

#include <cstring>

namespace penstock::testing {
namespace {

class adopting : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (capabilities()[op_kind::adopt].support == support::unsupported) {
            GTEST_SKIP() << capabilities()[op_kind::adopt].why;
        }
    }
};
PENSTOCK_ON_EVERY_BACKEND(adopting);

struct pipe_ends {
    descriptor output;
    descriptor input;
};

pipe_ends blocking_pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    return {descriptor(ends[0]), descriptor(ends[1])};
}

task<> tick(int& ticks) {
    for (;;) {
        const auto slept = co_await sleep_for(200us);
        if (!slept) co_return;
        ++ticks;
    }
}

// Receives while timers go on: what is to be received is only sent after some of them have fired, so a loop that
// sleeps in the read would sleep for ever.
template <class Send>
task<std::string> receive_while_ticking(adopted& from, Send send) {
    std::string got;
    int ticks = 0;  // not in the scope's body, which ends before its tasks do
    std::optional<result<lease>> received;
    co_await with_scope([&](scope& s) -> task<> {
        spawn(s, tick(ticks));
        spawn(s, keep(receive_from(from), received));
        co_await until([&] { return ticks >= 5; });
        EXPECT_FALSE(received.has_value());
        send();
        co_await until([&] { return received.has_value(); });
        got = must(std::move(*received)).text();
    });
    co_return got;
}

TEST_P(adopting, a_pipe_in_blocking_mode) {
    run([]() -> task<> {
        pipe_ends pipe = blocking_pipe();
        const int flags = ::fcntl(pipe.output.get(), F_GETFL);
        auto input = must(co_await adopt(pipe.output.get(), ownership::borrow));
        for (const char* text : {"one", "two", "three"}) {
            const auto write = [&] { write_text(pipe.input.name(), text); };
            EXPECT_EQ(co_await receive_while_ticking(input, write), text);
        }
        EXPECT_EQ(co_await receive_while_ticking(input, [&] { pipe.input.reset(); }), "");
        EXPECT_EQ(::fcntl(pipe.output.get(), F_GETFL), flags);
        must(co_await input.close());
        EXPECT_EQ(::fcntl(pipe.output.get(), F_GETFL), flags);  // borrowed: still open
    });
}

TEST_P(adopting, writing_to_a_pipe_in_blocking_mode) {
    run([]() -> task<> {
        pipe_ends pipe = blocking_pipe();
        const std::string text = pattern(1 << 20);
        auto input = must(co_await adopt(pipe.output.release()));
        auto output = must(co_await adopt(pipe.input.release()));
        std::optional<result<void>> sent;
        int ticks = 0;
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, tick(ticks));
            spawn(s, keep(send_to(output, text), sent));
            co_await until([&] { return ticks >= 5; });  // the pipe is full by then, and nobody reads
            EXPECT_FALSE(sent.has_value());
            EXPECT_TRUE(same_bytes(co_await receive_exactly(input, text.size()), text));
            co_await until([&] { return sent.has_value(); });
        });
        EXPECT_TRUE(succeeds(*sent));
        must(co_await output.close());
        EXPECT_EQ(co_await receive_to_end(input), "");
    });
}

TEST_P(adopting, a_pipe_whose_reader_is_gone_is_an_error_and_no_signal) {
    run([]() -> task<> {
        pipe_ends pipe = blocking_pipe();
        auto output = must(co_await adopt(pipe.input.release()));
        pipe.output.reset();
        const auto sent = co_await output.send("anybody there?");
        EXPECT_TRUE(is_error(sent, std::errc::broken_pipe));
        auto [unread, open] = must(co_await make_pipe());
        must(co_await unread.close());
        const auto more = co_await open.send("anybody here?");
        EXPECT_TRUE(is_error(more, std::errc::broken_pipe));
    });
}

struct terminal {
    descriptor outside;  ///< what a terminal emulator holds
    descriptor inside;   ///< what a program has as standard input
};

terminal open_terminal() {
    terminal t;
    t.outside = descriptor(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_GE(t.outside.get(), 0);
    EXPECT_EQ(::grantpt(t.outside.get()), 0);
    EXPECT_EQ(::unlockpt(t.outside.get()), 0);
    char name[64];
    EXPECT_EQ(::ptsname_r(t.outside.get(), name, sizeof name), 0);
    t.inside = descriptor(::open(name, O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_GE(t.inside.get(), 0);
    ::termios mode{};
    ::tcgetattr(t.inside.get(), &mode);
    mode.c_lflag &= ~static_cast<::tcflag_t>(ECHO);
    mode.c_oflag &= ~static_cast<::tcflag_t>(OPOST);
    ::tcsetattr(t.inside.get(), TCSANOW, &mode);
    return t;
}

TEST_P(adopting, a_terminal) {
    run([]() -> task<> {
        const terminal t = open_terminal();
        auto input = must(co_await adopt(t.inside.get(), ownership::borrow));
        for (const char* line : {"one line\n", "another line\n"}) {
            const auto type = [&] { write_text(t.outside.name(), line); };
            EXPECT_EQ(co_await receive_while_ticking(input, type), line);
        }
        must(co_await input.send("an answer\n"));
        EXPECT_EQ(read_available(t.outside.name()), "an answer\n");
        const auto cancelled = co_await cancelled_after(3, receive_from(input));
        EXPECT_TRUE(is_cancelled(cancelled));
        const auto type_end = [&] { write_text(t.outside.name(), "\x04"); };
        EXPECT_EQ(co_await receive_while_ticking(input, type_end), "");
        must(co_await input.close());
    });
}

TEST_P(adopting, a_terminal_that_takes_no_more_output) {
    run([]() -> task<> {
        const terminal t = open_terminal();
        auto output = must(co_await adopt(t.inside.get(), ownership::borrow));
        const auto sent = co_await with_timeout(20ms, send_to(output, pattern(1 << 20)));
        EXPECT_TRUE(is_error(sent, std::errc::timed_out));
        ::tcflush(t.inside.get(), TCIOFLUSH);
        must(co_await output.close());
    });
}

TEST_P(adopting, a_regular_file) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string text = pattern(100'000);
        const descriptor file(::open((directory / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
        auto stream = must(co_await adopt(file.get(), ownership::borrow));
        must(co_await stream.send(text));  // at the descriptor's own position
        EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), static_cast<::off_t>(text.size()));
        ::lseek(file.get(), 10, SEEK_SET);
        EXPECT_TRUE(same_bytes(co_await receive_to_end(stream), std::string_view(text).substr(10)));
        must(co_await stream.close());
    });
}

TEST_P(adopting, dev_null_and_dev_zero) {
    run([]() -> task<> {
        auto null = must(co_await adopt(::open("/dev/null", O_RDWR | O_CLOEXEC)));
        EXPECT_EQ(co_await receive_to_end(null), "");
        must(co_await null.send(pattern(1'000'000)));
        auto zero = must(co_await adopt(::open("/dev/zero", O_RDWR | O_CLOEXEC)));
        for (int i = 0; i < 10; ++i) {
            const lease zeros = must(co_await zero.receive());
            EXPECT_FALSE(zeros.empty());
            EXPECT_EQ(zeros.text().find_first_not_of('\0'), std::string_view::npos);
        }
    });
}

TEST_P(adopting, an_eventfd_in_blocking_mode) {
    run([]() -> task<> {
        const descriptor counter(::eventfd(0, EFD_CLOEXEC));
        auto stream = must(co_await adopt(counter.get(), ownership::borrow));
        for (const std::uint64_t value : {1, 7}) {
            const auto add = [&] { EXPECT_EQ(::write(counter.get(), &value, sizeof value), 8); };
            const std::string got = co_await receive_while_ticking(stream, add);
            EXPECT_EQ(got, std::string(reinterpret_cast<const char*>(&value), sizeof value));
        }
        const std::uint64_t three = 3;
        must(co_await stream.send(std::as_bytes(std::span(&three, 1))));
        const lease back = must(co_await stream.receive());
        EXPECT_EQ(std::memcmp(back.data(), &three, sizeof three), 0);
        must(co_await stream.close());
    });
}

TEST_P(adopting, a_timerfd_and_an_inotify_descriptor) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
        auto expirations = must(co_await adopt(timer.get(), ownership::borrow));
        const auto start = [&] {
            const ::itimerspec soon{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_nsec = 1000}};
            ::timerfd_settime(timer.get(), 0, &soon, nullptr);
        };
        EXPECT_EQ((co_await receive_while_ticking(expirations, start)).size(), 8U);
        must(co_await expirations.close());

        const descriptor watch(::inotify_init1(IN_CLOEXEC));
        EXPECT_GE(::inotify_add_watch(watch.get(), (directory / ".").c_str(), IN_CREATE), 0);
        auto changes = must(co_await adopt(watch.get(), ownership::borrow));
        const auto create = [&] { descriptor(::open((directory / "new").c_str(), O_CREAT | O_CLOEXEC, 0600)); };
        EXPECT_NE((co_await receive_while_ticking(changes, create)).find("new"), std::string::npos);
        must(co_await changes.close());
    });
}

TEST_P(adopting, a_socket_in_blocking_mode) {
    run([]() -> task<> {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        auto near = must(co_await adopt(ends[0]));
        descriptor far(ends[1]);
        EXPECT_EQ(co_await receive_while_ticking(near, [&] { write_text(far.name(), "hello"); }), "hello");
        const auto sent = co_await with_timeout(10ms, send_to(near, pattern(4 << 20)));
        EXPECT_TRUE(is_error(sent, std::errc::timed_out));
        far.reset();
        const auto gone = co_await near.send("x");
        EXPECT_TRUE(is_error(gone, std::errc::broken_pipe));
    });
}

TEST_P(adopting, errors_are_told) {
    run([]() -> task<> {
        const auto none = co_await adopt(-1);
        EXPECT_TRUE(is_error(none, std::errc::bad_file_descriptor));
        const auto unused = co_await adopt(19'999);
        EXPECT_TRUE(is_error(unused, std::errc::bad_file_descriptor));
        pipe_ends pipe = blocking_pipe();
        auto wrong_end = must(co_await adopt(pipe.input.get(), ownership::borrow));
        const auto read = co_await wrong_end.receive();
        EXPECT_TRUE(is_error(read, std::errc::bad_file_descriptor));
        must(co_await wrong_end.close());
        auto other_end = must(co_await adopt(pipe.output.get(), ownership::borrow));
        const auto written = co_await other_end.send("x");
        EXPECT_TRUE(is_error(written, std::errc::bad_file_descriptor));
        must(co_await other_end.close());
        auto folder = must(co_await adopt(::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC)));
        const auto listed = co_await folder.receive();
        EXPECT_TRUE(is_error(listed, std::errc::is_a_directory));
        adopted closed;
        const auto nothing = co_await closed.receive();
        EXPECT_TRUE(is_error(nothing, std::errc::bad_file_descriptor));
    });
}

TEST_P(adopting, the_same_descriptor_again_and_again) {
    run([]() -> task<> {
        const pipe_ends pipe = blocking_pipe();
        for (int i = 0; i < 20; ++i) {
            auto input = must(co_await adopt(pipe.output.get(), ownership::borrow));
            write_text(pipe.input.name(), "x");
            EXPECT_EQ(co_await receive_exactly(input, 1), "x");
            const auto waited = co_await cancelled_after(i % 3, receive_from(input));
            EXPECT_TRUE(is_cancelled(waited));
            must(co_await input.close());
        }
    });
}

}  // namespace
}  // namespace penstock::testing
