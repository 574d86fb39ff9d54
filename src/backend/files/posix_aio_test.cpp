#include "backend/files/file_path_fixture.hpp"
#include "support/build_kind.hpp"

#include <aio.h>
#include <sys/eventfd.h>
#include <sys/wait.h>

#include <array>

namespace penstock::detail {
namespace {

::aiocb request(int fd, std::uint64_t& memory) {
    ::aiocb block{};
    block.aio_fildes = fd;
    block.aio_buf = &memory;
    block.aio_nbytes = sizeof memory;
    block.aio_sigevent.sigev_notify = SIGEV_NONE;
    return block;
}

void wait_for(const ::aiocb& block) {
    const ::aiocb* const list[] = {&block};
    while (::aio_error(&block) == EINPROGRESS) ::aio_suspend(list, 1, nullptr);
}

class posix_aio_test : public file_path_test {
  protected:
    void SetUp() override { create(file_engine::posix_aio); }
};

TEST_F(posix_aio_test, what_is_written_is_read) {
    const handle file = open(O_RDWR);
    const std::string text = "0123456789abcdef";
    std::vector<io_slice> slices;
    for (std::size_t i = 0; i < text.size(); ++i) slices.emplace_back(std::string_view(text).substr(i, 1));
    std::vector<std::unique_ptr<write_at_op>> writes;
    for (std::size_t i = 0; i < text.size(); ++i) {
        writes.push_back(std::make_unique<write_at_op>(file, &slices[i], 1, i));
        ASSERT_EQ(submit(*writes.back()), submitted::queued);
    }
    EXPECT_EQ(path->under_way(), text.size());
    for (const auto& op : writes) EXPECT_EQ(finish(*op), 1);
    sync_op sync(file, false);
    EXPECT_EQ(perform(sync), 0);
    sync_op only_data(file, true);
    EXPECT_EQ(perform(only_data), 0);
    std::string back(100, '?');
    const io_slice into(back.data(), back.size());
    read_at_op read(file, &into, 1, 4);
    EXPECT_EQ(perform(read), 12);  // the end is near
    EXPECT_EQ(back.substr(0, 12), text.substr(4));
    EXPECT_EQ(path->under_way(), 0U);
}

TEST_F(posix_aio_test, errors_are_those_of_the_plain_call) {
    const handle file = open(O_RDONLY);
    const io_slice slice(std::string_view("x"));
    write_at_op write(file, &slice, 1, 0);
    EXPECT_EQ(perform(write), -EBADF);
    read_at_op read(file, &slice, 1, std::uint64_t{1} << 63);
    EXPECT_EQ(perform(read), -EINVAL);
}

TEST_F(posix_aio_test, beyond_the_bound_it_is_busy_and_later_not) {
    create(file_engine::posix_aio, 4);
    const handle file = open(O_RDWR);
    const io_slice slice(std::string_view("x"));
    std::vector<std::unique_ptr<write_at_op>> writes;
    for (int i = 0; i < 4; ++i) {
        writes.push_back(std::make_unique<write_at_op>(file, &slice, 1, 0));
        ASSERT_EQ(submit(*writes.back()), submitted::queued);
    }
    write_at_op more(file, &slice, 1, 0);
    EXPECT_EQ(submit(more), submitted::busy);
    sync_op sync(file, true);
    EXPECT_EQ(submit(sync), submitted::busy);
    for (const auto& op : writes) EXPECT_EQ(finish(*op), 1);
    EXPECT_EQ(perform(more), 1);
}

// Each round waits for one wake-up, so one that is lost would be noticed.
TEST_F(posix_aio_test, no_completion_is_lost) {
    const handle files[] = {open(O_RDWR), open(O_RDWR), open(O_RDWR)};
    const io_slice slice(std::string_view("x"));
    for (int round = 0; round < 2000 && !HasFatalFailure(); ++round) {
        write_at_op first(files[round % 3], &slice, 1, 0);
        write_at_op second(files[(round + 1) % 3], &slice, 1, 1);
        ASSERT_EQ(submit(first), submitted::queued);
        if (round % 2 == 0) path->flush();
        ASSERT_EQ(submit(second), submitted::queued);
        ASSERT_EQ(finish(round % 5 == 0 ? second : first), 1);
        ASSERT_EQ(finish(first), 1);
        ASSERT_EQ(finish(second), 1);
    }
}

TEST_F(posix_aio_test, what_has_not_begun_is_cancelled_and_what_has_ends_either_way) {
    const handle file = open(O_RDWR);
    const io_slice slice(std::string_view("x"));
    write_at_op write(file, &slice, 1, 0);
    EXPECT_EQ(perform(write), 1);
    // What waits in glibc behind a read that does not end: the number of the file, given to a counter for a while.
    const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
    ASSERT_EQ(::dup3(counter.get(), file.id, O_CLOEXEC), file.id);
    std::uint64_t got = 0;
    ::aiocb endless = request(file.id, got);
    ASSERT_EQ(::aio_read(&endless), 0);
    sync_op sync(file, false);
    ASSERT_EQ(submit(sync), submitted::queued);
    ASSERT_EQ(submit(write), submitted::queued);
    path->flush();
    for (operation* const op : {static_cast<operation*>(&sync), static_cast<operation*>(&write)}) {
        EXPECT_TRUE(path->cancel(*op, out));
        EXPECT_EQ(finish(*op), -ECANCELED);
    }
    const std::uint64_t one = 1;
    ASSERT_EQ(::write(counter.get(), &one, sizeof one), static_cast<::ssize_t>(sizeof one));
    wait_for(endless);
    write_at_op elsewhere(file, &slice, 1, 0);
    EXPECT_FALSE(path->cancel(elsewhere, out));
}

TEST_F(posix_aio_test, it_leaves_to_the_pool_what_it_would_do_otherwise_than_the_plain_call) {
    const handle file = open(O_RDWR);
    const std::array<io_slice, 2> two{io_slice(std::string_view("a")), io_slice(std::string_view("b"))};
    write_at_op scattered(file, two.data(), 2, 0);
    EXPECT_EQ(submit(scattered), std::nullopt);
    status_op status(file);
    EXPECT_EQ(submit(status), std::nullopt);
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const unique_fd reading(ends[0]);
    const unique_fd writing(ends[1]);
    read_at_op from_pipe({reading.get()}, two.data(), 1, 0);
    EXPECT_EQ(submit(from_pipe), std::nullopt);
    sync_op of_nothing({}, false);
    EXPECT_EQ(submit(of_nothing), std::nullopt);
}

TEST_F(posix_aio_test, a_number_that_means_something_else_now_is_looked_at_again) {
    const handle file = open(O_RDWR);
    const io_slice slice(std::string_view("x"));
    write_at_op op(file, &slice, 1, 0);
    EXPECT_EQ(perform(op), 1);
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const unique_fd reading(ends[0]);
    const unique_fd writing(ends[1]);
    ASSERT_EQ(::dup3(writing.get(), file.id, O_CLOEXEC), file.id);
    path->closed(file.id);
    EXPECT_EQ(submit(op), std::nullopt);
}

// They share a thread that watches, which comes and goes with them.
TEST_F(posix_aio_test, several_loops_may_use_it) {
    const handle file = open(O_RDWR);
    const io_slice slice(std::string_view("x"));
    for (int round = 0; round < 20; ++round) {
        std::vector<std::unique_ptr<file_path>> others;
        for (int i = 0; i < 40; ++i) {
            others.push_back(
                *make_file_path(file_engine::posix_aio,
                                {.owner = owner, .pool = pool, .wake_descriptor = -1, .most = 4, .aio_slots = 8}));
        }
        write_at_op op(file, &slice, 1, 0);
        EXPECT_EQ(perform(op), 1);
        write_at_op of_another(file, &slice, 1, 0);
        ASSERT_EQ(others.front()->submit(of_another), submitted::queued);
        others.front()->flush();
        while (!of_another.final && !HasFatalFailure()) {
            owner.sleep();
            collect(*others.front());
        }
        EXPECT_EQ(of_another.result, 1);
        others.clear();
        path.reset();
        create(file_engine::posix_aio);
    }
}

TEST_F(posix_aio_test, a_forked_child_is_refused_and_told_what_to_do) {
    const ::pid_t child = ::fork();
    if (child == 0) {
        const auto made = make_file_path(
            file_engine::posix_aio, {.owner = owner, .pool = pool, .wake_descriptor = -1, .most = 4, .aio_slots = 8});
        const bool told = !made && made.error().message.find("+threads") != std::string::npos;
        ::_exit(told ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

// Not of ours, but it is why this path is slow on one file: glibc does not begin a request while another on the same
// descriptor goes on, even when that waits for it. Through another descriptor of the same file it does.
TEST_F(posix_aio_test, glibc_takes_one_request_at_a_time_for_each_descriptor) {
    if (testing::is_sanitized) GTEST_SKIP() << "glibc may be kept to one thread";
    const unique_fd counter(::eventfd(0, EFD_CLOEXEC));
    const unique_fd same(::fcntl(counter.get(), F_DUPFD_CLOEXEC, 0));
    std::uint64_t got = 0;
    std::uint64_t seven = 7;
    std::uint64_t five = 5;
    ::aiocb waiting = request(counter.get(), got);
    ::aiocb behind_it = request(counter.get(), seven);
    ::aiocb beside_it = request(same.get(), five);
    ASSERT_EQ(::aio_read(&waiting), 0);
    ASSERT_EQ(::aio_write(&behind_it), 0);  // would end the read, were it begun
    ASSERT_EQ(::aio_write(&beside_it), 0);
    for (::aiocb* const block : {&waiting, &beside_it, &behind_it}) {
        wait_for(*block);
        EXPECT_EQ(::aio_return(block), static_cast<::ssize_t>(sizeof got));
    }
    EXPECT_EQ(got, 5U);
}

}  // namespace
}  // namespace penstock::detail
