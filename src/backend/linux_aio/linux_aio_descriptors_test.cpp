// What programs bring along: pipes and sockets in blocking mode, terminals, devices, files.
#include "backend/linux_aio/linux_aio_fixture.hpp"

#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

/// A file that is gone when the test ends.
struct temporary_file {
    explicit temporary_file(std::string_view contents = {}) {
        fd = unique_fd(::mkostemp(path.data(), O_CLOEXEC));
        EXPECT_TRUE(fd);
        put(fd.get(), contents);
        EXPECT_EQ(::lseek(fd.get(), 0, SEEK_SET), 0);
    }
    ~temporary_file() { ::unlink(path.c_str()); }
    std::string path = "penstock_linux_aio_test_XXXXXX";
    unique_fd fd;
};

TEST_F(linux_aio_test, a_blocking_pipe_never_blocks_the_loop) {
    const blocking_pipe p;
    const handle source = adopt(p.out.get());
    read_op op(source);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(10ms);
    EXPECT_FALSE(op.final);
    put(p.in.get(), "piped");
    EXPECT_EQ(finish(op), 5);
    EXPECT_EQ(taken(op), "piped");
    ASSERT_EQ(submit(op), submitted::queued);
    turn(10ms);
    cancel(op);
    EXPECT_EQ(op.result, -ECANCELED);
    EXPECT_EQ(::fcntl(p.out.get(), F_GETFL) & O_NONBLOCK, 0);
    close(source, true);
}

// A read of one buffer leaves the rest in the pipe, and no new event tells of it.
TEST_F(linux_aio_test, what_a_read_has_left_in_a_pipe_is_read_next) {
    const blocking_pipe p;
    const handle source = adopt(p.out.get());
    put(p.in.get(), std::string(10'000, 'p'));
    read_op op(source);
    op.credit.limit = 8;
    std::size_t got = 0;
    while (got < 10'000) got += receive(op).size();
    EXPECT_EQ(got, 10'000U);
    close(source, true);
}

TEST_F(linux_aio_test, the_end_of_a_blocking_pipe_is_seen) {
    blocking_pipe p;
    const handle source = adopt(p.out.get());
    read_op op(source);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(1ms);
    p.in = unique_fd();
    EXPECT_EQ(finish(op), 0);
    close(source, true);
}

TEST_F(linux_aio_test, a_write_to_a_full_blocking_pipe_waits_without_blocking) {
    const blocking_pipe p;
    const handle sink = adopt(p.in.get());
    const std::string much(300'000, 'w');
    const io_slice slice{std::string_view(much)};
    write_op op(sink, &slice, 1);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(10ms);
    EXPECT_FALSE(op.final);
    std::size_t got = 0;
    std::vector<char> piece(7000);
    while (got < much.size()) {
        ::pollfd readable{.fd = p.out.get(), .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, 0) == 1) {
            got += static_cast<std::size_t>(::read(p.out.get(), piece.data(), piece.size()));
        }
        turn(1ms);
    }
    EXPECT_EQ(finish(op), 0);
    close(sink, true);
}

TEST_F(linux_aio_test, an_adopted_blocking_socket_never_blocks_the_loop) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const unique_fd near(ends[0]);
    const unique_fd far(ends[1]);
    const handle adopted = adopt(far.get());
    receive_op op(adopted);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(10ms);
    put(near.get(), "hello");
    EXPECT_EQ(finish(op), 5);
    EXPECT_EQ(taken(op), "hello");
    const std::string much(4 << 20, 'x');
    const io_slice slice{std::string_view(much)};
    send_op full(adopted, &slice, 1);
    ASSERT_EQ(submit(full), submitted::queued);
    turn(10ms);
    EXPECT_FALSE(full.final);
    cancel(full);
    finish(full);
    close(adopted, true);
}

class terminal_test : public linux_aio_test {
  protected:
    void SetUp() override {
        linux_aio_test::SetUp();
        keyboard = unique_fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC));
        ASSERT_TRUE(keyboard);
        ASSERT_EQ(::grantpt(keyboard.get()), 0);
        ASSERT_EQ(::unlockpt(keyboard.get()), 0);
        std::array<char, 64> name{};
        ASSERT_EQ(::ptsname_r(keyboard.get(), name.data(), name.size()), 0);
        terminal = unique_fd(::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC));
        ASSERT_TRUE(terminal);
    }
    unique_fd keyboard;
    unique_fd terminal;
};

TEST_F(terminal_test, lines_are_read_as_they_are_typed) {
    const handle source = adopt(terminal.get());
    read_op op(source);
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(submit(op), submitted::queued);
        turn(i % 2 == 0 ? 5ms : 0ms);
        EXPECT_FALSE(op.final);
        put(keyboard.get(), "typed\n");
        EXPECT_EQ(finish(op), 6);
        EXPECT_EQ(taken(op), "typed\n");
    }
    close(source, true);
}

TEST_F(terminal_test, two_lines_at_once_come_one_after_the_other_and_a_wait_can_be_cancelled) {
    const handle source = adopt(terminal.get());
    put(keyboard.get(), "one\ntwo\n");
    read_op op(source);
    EXPECT_EQ(receive(op), "one\n");
    EXPECT_EQ(receive(op), "two\n");
    ASSERT_EQ(submit(op), submitted::queued);
    turn(5ms);
    cancel(op);
    EXPECT_EQ(op.result, -ECANCELED);
    close(source, true);
}

TEST_F(terminal_test, writing_works_while_a_read_waits) {
    const handle both = adopt(terminal.get());
    read_op waiting(both);
    ASSERT_EQ(submit(waiting), submitted::queued);
    const io_slice slice(std::string_view("prompt> "));
    write_op op(both, &slice, 1);
    EXPECT_EQ(perform(op), 0);
    std::array<char, 32> shown{};
    EXPECT_EQ(::read(keyboard.get(), shown.data(), shown.size()), 8);
    cancel(waiting);
    close(both, true);
}

TEST_F(linux_aio_test, dev_null_is_at_its_end_and_takes_everything) {
    const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const handle h = adopt(null.get());
    read_op op(h);
    EXPECT_EQ(perform(op), 0);
    const io_slice slice(std::string_view("gone"));
    write_op write(h, &slice, 1);
    EXPECT_EQ(perform(write), 0);
    close(h, true);
}

TEST_F(linux_aio_test, an_adopted_file_is_read_at_its_own_position) {
    const temporary_file file(std::string(4096, 'a') + "b");
    const handle h = adopt(file.fd.get());
    read_op op(h);
    EXPECT_EQ(receive(op), std::string(4096, 'a'));
    EXPECT_EQ(receive(op), "b");
    EXPECT_EQ(perform(op), 0);
    close(h, true);
}

// The kernel's poll calls files ready; read from a batch they would start at offset 0 again and sleep on the disk.
TEST_F(linux_aio_test, a_file_opened_by_the_backend_is_known_as_one) {
    const temporary_file file("position");
    open_op open(file.path.c_str(), {.read = true});
    ASSERT_GE(perform(open), 0);
    const handle h{open.result};
    read_op op(h);
    EXPECT_EQ(receive(op), "position");
    EXPECT_EQ(perform(op), 0);
    close(h);
}

TEST_F(linux_aio_test, descriptors_without_iterator_calls_are_read_by_plain_ones) {
    const unique_fd watch(::inotify_init1(IN_CLOEXEC));
    ASSERT_GE(::inotify_add_watch(watch.get(), ".", IN_CREATE), 0);
    const handle h = adopt(watch.get());
    read_op op(h);
    for (int i = 0; i < 3; ++i) {
        ASSERT_EQ(submit(op), submitted::queued);
        turn(1ms);
        const temporary_file seen;
        EXPECT_GT(finish(op), 0);
        EXPECT_FALSE(taken(op).empty());
    }
    close(h, true);
}

TEST_F(linux_aio_test, pipes_and_signals_of_the_backend_work) {
    pipe_op made;
    ASSERT_EQ(perform(made), 0);
    read_op read(made.read_end);
    ASSERT_EQ(submit(read), submitted::queued);
    const io_slice slice(std::string_view("through"));
    write_op write(made.write_end, &slice, 1);
    EXPECT_EQ(perform(write), 0);
    EXPECT_EQ(finish(read), 7);
    EXPECT_EQ(taken(read), "through");
    close(made.write_end);
    EXPECT_EQ(perform(read), 0);
    close(made.read_end);

    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGUSR2);
    ::sigset_t before;
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &set, &before), 0);
    signals_op signals(std::uint64_t{1} << (SIGUSR2 - 1));
    ASSERT_GE(perform(signals), 0);
    read_op caught({signals.result});
    ASSERT_EQ(submit(caught), submitted::queued);
    turn(1ms);
    ::raise(SIGUSR2);
    EXPECT_GT(finish(caught), 0);
    taken(caught);
    close({signals.result});
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// --- Files by offset ---

class direct_test : public linux_aio_test {
  protected:
    static constexpr std::size_t block = 4096;

    void SetUp() override {
        linux_aio_test::SetUp();
        open_op open(file.path.c_str(), {.read = true, .write = true, .direct = true});
        const std::int32_t r = perform(open);
        if (r == -EINVAL) GTEST_SKIP() << "this file system has no O_DIRECT";
        ASSERT_GE(r, 0);
        direct = {r};
        ASSERT_EQ(::ftruncate(direct.id, 64 * block), 0);
    }
    void TearDown() override {
        if (direct.valid()) close(direct);
    }

    struct memory {
        memory() : bytes(static_cast<char*>(std::aligned_alloc(block, 4 * block))) {}
        ~memory() { std::free(bytes); }
        memory(const memory&) = delete;
        memory& operator=(const memory&) = delete;
        char* bytes;
    };

    temporary_file file;
    handle direct;
    memory a;
    memory b;
};

/// A job that keeps a worker until it is let go.
struct obstacle : job {
    obstacle() {
        name = "obstacle";
        run = [](job& self) noexcept {
            auto& here = static_cast<obstacle&>(self);
            here.may_end.wait(false);
            here.ended.store(true);
        };
    }
    void let_go() {
        may_end.store(true);
        may_end.notify_all();
        while (!ended.load()) std::this_thread::yield();
    }
    std::atomic<bool> may_end{false};
    std::atomic<bool> ended{false};
};

// A write may need a thread (this one fills a hole); a read of what is there does not.
TEST_F(direct_test, vectored_transfers_go_through_io_submit_and_not_through_workers) {
    std::memset(a.bytes, 'a', 2 * block);
    std::memset(b.bytes, 'b', block);
    const std::array<io_slice, 2> from{io_slice(a.bytes, 2 * block), io_slice(b.bytes, block)};
    write_at_op write(direct, from.data(), 2, block);
    ASSERT_EQ(submit(write), submitted::queued);
    EXPECT_EQ(target->statistics().offloaded, 0U);
    EXPECT_EQ(finish(write), 3 * block);
    std::memset(a.bytes, 0, 4 * block);
    std::memset(b.bytes, 0, 4 * block);
    std::array<obstacle, 2> every_worker;
    for (obstacle& each : every_worker) ASSERT_TRUE(workers.submit(each));
    const std::array<io_slice, 2> into{io_slice(b.bytes, block), io_slice(a.bytes, 2 * block)};
    read_at_op read(direct, into.data(), 2, block);
    EXPECT_EQ(perform(read), 3 * block);
    for (obstacle& each : every_worker) each.let_go();
    EXPECT_EQ(b.bytes[0], 'a');
    EXPECT_EQ(a.bytes[block - 1], 'a');
    EXPECT_EQ(a.bytes[block], 'b');
}

// What counts as misaligned is the file system's and the device's business.
TEST_F(direct_test, misaligned_is_answered_as_the_kernel_does_and_beyond_the_end_is_nothing) {
    const ::ssize_t plain = ::pread(direct.id, a.bytes + 1, 100, 3);
    const std::int32_t expected = plain < 0 ? -errno : static_cast<std::int32_t>(plain);
    const io_slice odd(a.bytes + 1, 100);
    read_at_op misaligned(direct, &odd, 1, 3);
    EXPECT_EQ(perform(misaligned), expected);
    const io_slice slice(a.bytes, block);
    read_at_op beyond(direct, &slice, 1, 1000 * block);
    EXPECT_EQ(perform(beyond), 0);
}

TEST_F(direct_test, more_than_the_queue_holds_is_refused_as_busy_and_can_be_offered_again) {
    options.aio_slots = 8;
    create();
    const io_slice slice(a.bytes, block);
    std::vector<std::unique_ptr<read_at_op>> reads;
    std::size_t refused = 0;
    for (std::size_t i = 0; i < 400; ++i) {
        reads.push_back(std::make_unique<read_at_op>(direct, &slice, 1, i % 64 * block));
        while (submit(*reads.back()) == submitted::busy) {
            ++refused;
            turn(10ms);
        }
    }
    for (const auto& op : reads) EXPECT_EQ(finish(*op), static_cast<std::int32_t>(block));
    EXPECT_GT(refused, 0U);
}

TEST_F(direct_test, a_cancel_waits_for_the_disk) {
    const io_slice slice(a.bytes, block);
    read_at_op op(direct, &slice, 1, 0);
    ASSERT_EQ(submit(op), submitted::queued);
    cancel(op);
    EXPECT_EQ(finish(op), static_cast<std::int32_t>(block));
}

// A number that meant a direct file must not keep that for what it means next.
TEST_F(direct_test, a_buffered_file_is_read_without_waiting_or_by_a_worker) {
    const io_slice slice(a.bytes, block);
    read_at_op first(direct, &slice, 1, 0);
    EXPECT_EQ(perform(first), static_cast<std::int32_t>(block));
    close(direct);
    open_op open(file.path.c_str(), {.read = true});
    ASSERT_EQ(perform(open), direct.id);
    ASSERT_EQ(::posix_fadvise(direct.id, 0, 0, POSIX_FADV_DONTNEED), 0);
    const io_slice odd(a.bytes + 1, 100);
    read_at_op op(direct, &odd, 1, 3);
    EXPECT_EQ(perform(op), 100) << "not in the page cache";
    EXPECT_EQ(perform(op), 100) << "in the page cache";
    read_at_op to_the_end(direct, &slice, 1, 64 * block - 10);
    EXPECT_EQ(perform(to_the_end), 10);
}

TEST_F(direct_test, syncs_go_through_io_submit_and_not_through_workers) {
    for (const bool only_data : {false, true}) {
        sync_op op(direct, only_data);
        ASSERT_EQ(submit(op), submitted::queued);
        EXPECT_EQ(target->statistics().offloaded, 0U);
        EXPECT_EQ(finish(op), 0);
    }
    options.files = file_engine::threads;
    create();
    sync_op op(direct, false);
    ASSERT_EQ(submit(op), submitted::queued);
    EXPECT_EQ(target->statistics().offloaded, 1U);
    EXPECT_EQ(finish(op), 0);
}

}  // namespace
}  // namespace penstock::detail
