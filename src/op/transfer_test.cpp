#include "op/call.hpp"
#include "support/descriptor.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

using testing::await;
using testing::descriptor;
using testing::is_nonblocking;
using testing::read_available;
using testing::temporary_directory;
using testing::without_sleeping;
using testing::write_text;

struct two_ends {
    descriptor source;
    descriptor target;
};

two_ends new_pipe(int flags = O_NONBLOCK) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC | flags), 0);
    return {descriptor(ends[0]), descriptor(ends[1])};
}

two_ends new_connection(int flags = SOCK_NONBLOCK) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, ends), 0);
    return {descriptor(ends[0]), descriptor(ends[1])};
}

// Text and the slices that make it up; some of them empty.
struct sliced_text {
    sliced_text(std::uint32_t count, std::size_t longest) {
        std::mt19937 random(count);
        std::vector<std::size_t> sizes;
        for (std::uint32_t i = 0; i < count; ++i) {
            sizes.push_back(random() % 4 == 0 ? 0 : random() % longest);
            for (std::size_t n = 0; n < sizes.back(); ++n) text += static_cast<char>('a' + random() % 26);
        }
        std::size_t begin = 0;
        for (const std::size_t size : sizes) {
            slices.emplace_back(std::string_view(text).substr(begin, size));
            begin += size;
        }
    }
    std::uint32_t count() const { return static_cast<std::uint32_t>(slices.size()); }
    std::string text;
    std::vector<io_slice> slices;
};

// Makes the call until everything is taken, and reads the other end each time nothing more fits.
template <class Op>
std::string carried_over(Op& op, handle source) {
    std::string received;
    std::int32_t r = 0;
    while ((r = call(op, call_mode::no_wait)) == -EAGAIN) {
        const std::string piece = read_available(source);
        EXPECT_FALSE(piece.empty()) << "nothing fits into what is empty";
        if (piece.empty()) break;
        received += piece;
    }
    EXPECT_EQ(r, 0);
    return received + read_available(source);
}

// --- Progress of a send
// ------------------------------------------------------------------------------------------

TEST(transfer_call, advance_passes_over_what_is_done_and_over_empty_slices) {
    const io_slice slices[] = {std::string_view(""), std::string_view("abc"), std::string_view(""),
                               std::string_view("de"), std::string_view("")};
    send_op op({0}, slices, 5);
    EXPECT_FALSE(advance(op, 0));
    EXPECT_EQ(op.first, 1U);
    EXPECT_FALSE(advance(op, 2));
    EXPECT_EQ(op.first, 1U);
    EXPECT_EQ(op.skip, 2U);
    EXPECT_FALSE(advance(op, 2));
    EXPECT_EQ(op.first, 3U);
    EXPECT_EQ(op.skip, 1U);
    EXPECT_TRUE(advance(op, 1));
    EXPECT_EQ(op.transferred, 5U);

    send_op of_nothing({0}, slices, 1);
    EXPECT_TRUE(advance(of_nothing, 0));
    send_op at_once({0}, slices, 5);
    EXPECT_TRUE(advance(at_once, 5));
}

TEST(transfer_call, remaining_copies_only_when_a_slice_is_begun) {
    const sliced_text whole(40, 10);
    send_op op({0}, whole.slices.data(), whole.count());
    ::iovec copies[most_copied_slices];
    EXPECT_EQ(remaining(op, copies).data, as_iovec(whole.slices.data()));
    EXPECT_EQ(remaining(op, copies).count, 40U);

    std::string seen;
    while (op.first < op.count) {  // one byte at a time, through every state
        const slice_view left = remaining(op, copies);
        EXPECT_EQ(left.data == copies, op.skip != 0);
        EXPECT_LE(left.count, op.skip != 0 ? most_copied_slices : op.count);
        std::uint32_t i = 0;
        while (i < left.count && left.data[i].iov_len == 0) ++i;
        if (i < left.count) seen += *static_cast<const char*>(left.data[i].iov_base);
        advance(op, i < left.count ? 1 : 0);
    }
    EXPECT_EQ(seen, whole.text);
}

TEST(transfer_call, remaining_offers_no_more_than_the_kernel_takes) {
    const std::vector<io_slice> many(IOV_MAX + 10, io_slice(std::string_view("x")));
    const send_op op({0}, many.data(), static_cast<std::uint32_t>(many.size()));
    ::iovec copies[most_copied_slices];
    EXPECT_EQ(remaining(op, copies).count, static_cast<std::uint32_t>(IOV_MAX));
}

// --- send, write
// ---------------------------------------------------------------------------------------------------

TEST(transfer_call, a_send_is_resumed_until_the_last_byte) {
    const sliced_text whole(3 * IOV_MAX, 300);  // more slices than one call takes, more bytes than fit
    const two_ends connection = new_connection();
    send_op op(connection.target.name(), whole.slices.data(), whole.count());
    EXPECT_EQ(carried_over(op, connection.source.name()), whole.text);
    EXPECT_EQ(op.transferred, whole.text.size());
}

TEST(transfer_call, a_send_without_waiting_does_not_sleep_on_a_blocking_socket) {
    const sliced_text whole(100, 20000);
    const two_ends connection = new_connection(0);
    send_op op(connection.target.name(), whole.slices.data(), whole.count());
    const std::int32_t r = without_sleeping([&] { return call(op, call_mode::no_wait); },
                                            [&] { read_available(connection.source.name()); });
    EXPECT_EQ(r, -EAGAIN);
    EXPECT_EQ(carried_over(op, connection.source.name()), whole.text);
}

TEST(transfer_call, a_blocking_send_sleeps_until_all_is_taken) {
    const sliced_text whole(100, 20000);
    two_ends connection = new_connection(0);
    std::string received;
    std::jthread reader([&] {
        char piece[4096];
        for (::ssize_t n = 0; (n = ::read(connection.source.get(), piece, sizeof piece)) > 0;) {
            received.append(piece, static_cast<std::size_t>(n));
        }
    });
    send_op op(connection.target.name(), whole.slices.data(), whole.count());
    EXPECT_EQ(call(op, call_mode::blocking), 0);
    EXPECT_EQ(op.transferred, whole.text.size());
    connection.target.reset();
    reader.join();
    EXPECT_EQ(received, whole.text);
}

TEST(transfer_call, a_send_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
    two_ends connection = new_connection();
    connection.source.reset();
    const io_slice slice(std::string_view("x"));
    for (const call_mode mode : {call_mode::no_wait, call_mode::blocking}) {
        send_op op(connection.target.name(), &slice, 1);
        EXPECT_EQ(call(op, mode), -EPIPE);
    }
}

TEST(transfer_call, a_write_is_resumed_until_the_last_byte) {
    const sliced_text whole(3 * IOV_MAX, 300);
    for (const int flags : {O_NONBLOCK, 0}) {
        const two_ends pipe = new_pipe(flags);
        write_op op(pipe.target.name(), whole.slices.data(), whole.count());
        const std::int32_t r =
            without_sleeping([&] { return call(op, call_mode::no_wait); }, [&] { read_available(pipe.source.name()); });
        EXPECT_EQ(r, -EAGAIN) << "a pipe takes 64 KiB";
        EXPECT_EQ(carried_over(op, pipe.source.name()), whole.text);
        EXPECT_EQ(is_nonblocking(pipe.target.name()), flags != 0) << "flags stay as they were";
    }
}

TEST(transfer_call, a_blocking_write_goes_on_to_the_end) {
    const sliced_text whole(3 * IOV_MAX, 20);  // fits into a pipe
    const two_ends pipe = new_pipe(0);
    write_op op(pipe.target.name(), whole.slices.data(), whole.count());
    EXPECT_EQ(call(op, call_mode::blocking), 0);
    EXPECT_EQ(read_available(pipe.source.name()), whole.text);
}

TEST(transfer_call, a_file_is_written_and_read_at_its_own_position) {
    const temporary_directory directory;
    const sliced_text whole(50, 1000);
    const descriptor file(::open((directory / "file").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    for (const call_mode mode : {call_mode::no_wait, call_mode::blocking}) {
        write_op op(file.name(), whole.slices.data(), whole.count());
        EXPECT_EQ(call(op, mode), 0);
    }
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    EXPECT_EQ(read_available(file.name()), whole.text + whole.text);
}

TEST(transfer_call, a_write_to_a_pipe_without_reader_is_an_error) {
    const auto before = ::signal(SIGPIPE, SIG_IGN);  // write(2) has no flag for it; loops block the signal
    two_ends pipe = new_pipe();
    pipe.source.reset();
    const io_slice slice(std::string_view("x"));
    for (const call_mode mode : {call_mode::no_wait, call_mode::blocking}) {
        write_op op(pipe.target.name(), &slice, 1);
        EXPECT_EQ(call(op, mode), -EPIPE);
    }
    ::signal(SIGPIPE, before);
}

// --- receive, read
// ---------------------------------------------------------------------------------------------------

TEST(transfer_call, a_receive_takes_a_buffer_only_for_bytes) {
    buffer_pool pool({.buffer_size = 64, .count = 2});
    two_ends connection = new_connection();
    two_ends pipe = new_pipe();
    receive_op receive(connection.source.name());
    read_op read(pipe.source.name());
    const auto check = [&pool](receive_op& op, descriptor& target) {
        EXPECT_EQ(receive_into_pool(op, pool, call_mode::no_wait), -EAGAIN);
        EXPECT_EQ(pool.available(), 2);
        write_text(target.name(), "some bytes");
        EXPECT_EQ(receive_into_pool(op, pool, call_mode::no_wait), 10);
        EXPECT_EQ(op.credit.held, 1);
        EXPECT_EQ(pool.dequeue(op.received).text(), "some bytes");
        EXPECT_EQ(op.credit.held, 0);
        target.reset();
        EXPECT_EQ(receive_into_pool(op, pool, call_mode::no_wait), 0);
        EXPECT_EQ(pool.available(), 2);
    };
    check(receive, connection.target);
    check(read, pipe.target);
}

TEST(transfer_call, a_receive_parks_when_the_pool_is_empty_and_takes_what_fits) {
    buffer_pool pool({.buffer_size = 64, .count = 1});
    const two_ends connection = new_connection();
    write_text(connection.target.name(), std::string(100, 'x'));
    receive_op op(connection.source.name());
    EXPECT_EQ(receive_into_pool(op, pool, call_mode::no_wait), 64);
    EXPECT_EQ(receive_into_pool(op, pool, call_mode::no_wait), -ENOBUFS);
    EXPECT_EQ(pool.dequeue(op.received).size(), 64U);
    EXPECT_EQ(receive_into_pool(op, pool, call_mode::blocking), 36);
    pool.discard(op.received);
}

TEST(transfer_call, deliver_keeps_bytes_and_gives_back_the_rest) {
    buffer_pool pool({.buffer_size = 64, .count = 3});
    receive_op op({0});
    deliver(op, pool, pool.take(), -ECONNRESET);
    deliver(op, pool, pool.take(), 0);
    EXPECT_TRUE(op.received.empty());
    EXPECT_EQ(pool.available(), 3);
    deliver(op, pool, pool.take(), 5);
    EXPECT_EQ(pool.dequeue(op.received).size(), 5U);
}

// --- Descriptors of the program, in blocking mode: never sleep in the loop's thread
// -----------------------------------

std::int32_t read_without_sleeping(handle source, const std::function<void()>& release) {
    char bytes[64];
    return without_sleeping([&] { return call_receive(read_op(source), bytes, sizeof bytes, call_mode::no_wait); },
                            release);
}

TEST(adopted_blocking, an_empty_pipe_or_socket_or_event_counter_does_not_hold_the_reader) {
    const two_ends pipe = new_pipe(0);
    EXPECT_EQ(read_without_sleeping(pipe.source.name(), [&] { write_text(pipe.target.name(), "x"); }), -EAGAIN);
    const two_ends connection = new_connection(0);
    EXPECT_EQ(read_without_sleeping(connection.source.name(), [&] { write_text(connection.target.name(), "x"); }),
              -EAGAIN);
    const descriptor counter(::eventfd(0, EFD_CLOEXEC));
    const auto count = [&] { ::eventfd_write(counter.get(), 1); };
    EXPECT_EQ(read_without_sleeping(counter.name(), count), -EAGAIN);
    count();
    EXPECT_EQ(read_without_sleeping(counter.name(), count), 8);
    EXPECT_FALSE(is_nonblocking(pipe.source.name()));
}

TEST(adopted_blocking, an_empty_named_pipe_does_not_hold_the_reader) {
    const temporary_directory directory;
    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    const descriptor both(::open((directory / "fifo").c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(read_without_sleeping(both.name(), [&] { write_text(both.name(), "x"); }), -EAGAIN);
    write_text(both.name(), "abc");
    EXPECT_EQ(read_without_sleeping(both.name(), [] {}), 3);
}

TEST(adopted_blocking, a_full_named_pipe_does_not_hold_the_writer) {
    const temporary_directory directory;
    ASSERT_EQ(::mkfifo((directory / "fifo").c_str(), 0600), 0);
    const descriptor both(::open((directory / "fifo").c_str(), O_RDWR | O_CLOEXEC));
    const sliced_text whole(200, 3000);
    write_op op(both.name(), whole.slices.data(), whole.count());
    EXPECT_EQ(without_sleeping([&] { return call(op, call_mode::no_wait); }, [&] { read_available(both.name()); }),
              -EAGAIN);
    EXPECT_EQ(carried_over(op, both.name()), whole.text);
}

// The controlling end of a new pseudo-terminal; empty where there are none.
descriptor new_terminal() {
    descriptor master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
    if (master.get() < 0 || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0) return {};
    return master;
}

TEST(adopted_blocking, a_silent_terminal_does_not_hold_the_reader) {
    const descriptor master = new_terminal();
    if (master.get() < 0) GTEST_SKIP() << "there are no pseudo-terminals here";
    const descriptor terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    EXPECT_EQ(read_without_sleeping(terminal.name(), [&] { write_text(master.name(), "x\n"); }), -EAGAIN);
    write_text(master.name(), "line\n");
    await(terminal.name(), POLLIN);
    EXPECT_EQ(read_without_sleeping(terminal.name(), [] {}), 5);
}

TEST(adopted_blocking, a_terminal_that_nobody_reads_does_not_hold_the_writer) {
    const descriptor master = new_terminal();
    if (master.get() < 0) GTEST_SKIP() << "there are no pseudo-terminals here";
    const descriptor terminal(::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC));
    for (const std::string_view pattern : {"some text, ", "\n", "a line\n", "\ta\r\n"}) {
        std::string text;
        while (text.size() < 50'000) text += pattern;
        const io_slice slice(text);
        write_op op(terminal.name(), &slice, 1);
        std::string received;
        const auto read_more = [&] {
            await(master.name(), POLLIN);
            received += read_available(master.name());
        };
        const auto write_more = [&] { return call(op, call_mode::no_wait); };
        std::int32_t r = without_sleeping(write_more, read_more);
        EXPECT_EQ(r, -EAGAIN);
        for (; r == -EAGAIN; r = without_sleeping(write_more, read_more)) read_more();
        EXPECT_EQ(r, 0);
        const std::size_t expected = text.size() + static_cast<std::size_t>(std::ranges::count(text, '\n'));
        while (received.size() < expected) read_more();
        EXPECT_EQ(received.size(), expected) << "a line feed becomes two characters";
    }
}

TEST(adopted_blocking, a_watched_folder_without_news_does_not_hold_the_reader) {
    const temporary_directory directory;
    const descriptor watch(::inotify_init1(IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(watch.get(), (directory / "").c_str(), IN_CREATE), 0);
    int files = 0;
    const auto make_news = [&] {
        descriptor(::open((directory / std::to_string(files++)).c_str(), O_CREAT | O_WRONLY, 0600)).reset();
    };
    EXPECT_EQ(read_without_sleeping(watch.name(), make_news), -EAGAIN);
    make_news();
    EXPECT_GT(read_without_sleeping(watch.name(), make_news), 0);
}

// --- splice
// --------------------------------------------------------------------------------------------------------

TEST(transfer_call, splice_moves_bytes_between_sockets_through_a_pipe) {
    two_ends from = new_connection();
    const two_ends pipe = new_pipe();
    const two_ends to = new_connection();
    splice_op fill(from.source.name(), pipe.target.name(), 65536, true);
    splice_op drain(pipe.source.name(), to.target.name(), 65536, false);

    EXPECT_EQ(call(fill, call_mode::no_wait), -EAGAIN) << "no bytes yet";
    write_text(from.target.name(), "through the pipe");
    EXPECT_EQ(call(fill, call_mode::no_wait), 16);
    EXPECT_EQ(call(drain, call_mode::no_wait), 16);
    EXPECT_EQ(read_available(to.source.name()), "through the pipe");

    from.target.reset();
    EXPECT_EQ(call(fill, call_mode::no_wait), 0) << "the end";
}

TEST(transfer_call, splice_takes_no_more_than_it_is_asked_to) {
    const two_ends from = new_connection();
    const two_ends pipe = new_pipe();
    write_text(from.target.name(), "0123456789");
    splice_op fill(from.source.name(), pipe.target.name(), 4, true);
    EXPECT_EQ(call(fill, call_mode::no_wait), 4);
    EXPECT_EQ(read_available(pipe.source.name()), "0123");
    EXPECT_EQ(read_available(from.source.name()), "456789");
}

TEST(transfer_call, splice_waits_for_a_target_that_is_full) {
    const two_ends pipe = new_pipe();
    const two_ends to = new_connection();
    splice_op drain(pipe.source.name(), to.target.name(), 65536, false);
    std::int32_t r = 0;
    for (std::int32_t written = 0; r >= 0; written += r) {
        ASSERT_LT(written, 64 << 20);
        write_text(pipe.target.name(), std::string(1000, 'x'));
        r = call(drain, call_mode::no_wait);
    }
    EXPECT_EQ(r, -EAGAIN);
    EXPECT_FALSE(read_available(to.source.name()).empty());
    EXPECT_EQ(call(drain, call_mode::no_wait), 1000);
}

TEST(transfer_call, splice_needs_a_pipe) {
    const two_ends connection = new_connection();
    splice_op op(connection.source.name(), connection.target.name(), 1, true);
    EXPECT_EQ(call(op, call_mode::no_wait), -EINVAL);
}

TEST(transfer_call, tee_copies_from_pipe_to_pipe_and_never_waits) {
    two_ends from = new_pipe();
    const two_ends to = new_pipe();
    tee_op op(from.source.name(), to.target.name(), 65536);
    EXPECT_EQ(call(op, call_mode::blocking), -EAGAIN);
    write_text(from.target.name(), "twice");
    EXPECT_EQ(call(op, call_mode::blocking), 5);
    EXPECT_EQ(read_available(to.source.name()), "twice");
    EXPECT_EQ(read_available(from.source.name()), "twice");
    from.target.reset();
    EXPECT_EQ(call(op, call_mode::no_wait), 0) << "the end";
}

}  // namespace
}  // namespace penstock::detail
