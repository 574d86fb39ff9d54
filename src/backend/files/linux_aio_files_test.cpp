#include "backend/files/file_path_fixture.hpp"
#include "backend/nowait_transfer.hpp"

#include <array>
#include <cstring>

namespace penstock::detail {
namespace {

/// With the owner's eventfd, and with one of its own whose rings are passed on.
class linux_aio_files_test : public file_path_test, public ::testing::WithParamInterface<bool> {
  protected:
    static constexpr std::size_t block = 4096;

    void SetUp() override {
        create(file_engine::linux_aio, 64, GetParam());
        for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
        const unique_fd fill(::open(name.path.c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(::write(fill.get(), text.data(), text.size()), static_cast<::ssize_t>(text.size()));
        ASSERT_EQ(::fsync(fill.get()), 0);
    }

    /// Leaves nothing of the file in the page cache.
    void make_cold(handle file) { ASSERT_EQ(::posix_fadvise(file.id, 0, 0, POSIX_FADV_DONTNEED), 0); }

    std::string read(handle file, std::size_t count, std::uint64_t offset) {
        std::string into(count, '?');
        const io_slice slice(into.data(), into.size());
        read_at_op op(file, &slice, 1, offset);
        const std::int32_t r = perform(op);
        if (r < 0) return std::strerror(-r);
        into.resize(static_cast<std::size_t>(r));
        return into;
    }

    unsigned threads() const { return workers.statistics().threads; }

    std::string text = std::string(16 * block, '\0');
};

TEST_P(linux_aio_files_test, what_is_in_the_page_cache_is_read_without_a_thread) {
    const handle file = open(O_RDONLY);
    const std::string warm = read(file, text.size(), 0);
    EXPECT_EQ(warm, text);
    const unsigned before = threads();
    for (std::uint64_t at = 0; at < 8; ++at) EXPECT_EQ(read(file, 1000, at * 1000), text.substr(at * 1000, 1000));
    EXPECT_EQ(read(file, 1000, text.size() - 10), text.substr(text.size() - 10)) << "the end of the file";
    EXPECT_EQ(read(file, 10, text.size()), "");
    EXPECT_EQ(threads(), before);
}

TEST_P(linux_aio_files_test, what_is_not_in_it_is_read_by_a_thread_and_whole) {
    const handle file = open(O_RDONLY);
    make_cold(file);
    EXPECT_EQ(read(file, text.size(), 0), text);
    make_cold(file);
    EXPECT_EQ(read(file, 100, 0), text.substr(0, 100));
    // The first page is there, the last is perhaps not: no short read tells of that.
    EXPECT_EQ(read(file, text.size() - 1, 1), text.substr(1));
}

TEST_P(linux_aio_files_test, slices_are_gathered_and_scattered) {
    const handle file = open(O_RDWR);
    const std::array<io_slice, 3> from{io_slice(std::string_view("one")), io_slice(std::string_view("")),
                                       io_slice(std::string_view("two"))};
    write_at_op write(file, from.data(), 3, 5);
    EXPECT_EQ(perform(write), 6);
    std::array<char, 2> first{};
    std::array<char, 4> second{};
    const std::array<io_slice, 2> into{io_slice(first.data(), 2), io_slice(second.data(), 4)};
    read_at_op back(file, into.data(), 2, 5);
    EXPECT_EQ(perform(back), 6);
    EXPECT_EQ(std::string_view(first.data(), 2), "on");
    EXPECT_EQ(std::string_view(second.data(), 4), "etwo");
}

TEST_P(linux_aio_files_test, syncs_need_no_thread_of_ours) {
    const handle file = open(O_RDWR);
    const unsigned before = threads();
    for (const bool only_data : {false, true}) {
        sync_op op(file, only_data);
        EXPECT_EQ(perform(op), 0);
    }
    EXPECT_EQ(threads(), before);
}

// Each round waits for one wake-up, so one that is lost would be noticed.
TEST_P(linux_aio_files_test, no_completion_is_lost) {
    const handle direct = open(O_RDWR | O_DIRECT);
    if (direct.id < 0) GTEST_SKIP() << "this file system has no O_DIRECT";
    const std::unique_ptr<char, decltype(&std::free)> memory(static_cast<char*>(std::aligned_alloc(block, 4 * block)),
                                                             &std::free);
    const io_slice slice(memory.get(), block);
    const io_slice other(memory.get() + block, block);
    for (int round = 0; round < 500 && !HasFatalFailure(); ++round) {
        read_at_op first(direct, &slice, 1, 0);
        read_at_op second(direct, &other, 1, block);
        sync_op sync(direct, true);
        ASSERT_EQ(submit(first), submitted::queued);
        if (round % 2 == 0) path->flush();
        ASSERT_EQ(submit(sync), submitted::queued);
        ASSERT_EQ(submit(second), submitted::queued);
        ASSERT_EQ(finish(second), static_cast<std::int32_t>(block));
        ASSERT_EQ(finish(first), static_cast<std::int32_t>(block));
        ASSERT_EQ(finish(sync), 0);
    }
    EXPECT_EQ(std::string_view(memory.get(), 2 * block), std::string_view(text).substr(0, 2 * block));
    EXPECT_EQ(path->under_way(), 0U);
}

// ext4 and others wait for space on the disk when a direct write makes the file grow.
TEST_P(linux_aio_files_test, direct_writes_that_make_the_file_grow_succeed_whoever_does_them) {
    const handle direct = open(O_RDWR | O_DIRECT);
    if (direct.id < 0) GTEST_SKIP() << "this file system has no O_DIRECT";
    alignas(block) static std::array<char, block> memory;
    memory.fill('g');
    const io_slice slice(memory.data(), memory.size());
    for (std::uint64_t i = 0; i < 8; ++i) {
        write_at_op op(direct, &slice, 1, text.size() + i * block);
        EXPECT_EQ(perform(op), static_cast<std::int32_t>(block));
    }
    write_at_op again(direct, &slice, 1, 0);
    EXPECT_EQ(perform(again), static_cast<std::int32_t>(block));
    const handle file = open(O_RDONLY);
    EXPECT_EQ(read(file, 2 * block, text.size() + 7 * block), std::string(block, 'g'));
    EXPECT_EQ(read(file, block, 0), std::string(block, 'g'));
}

TEST_P(linux_aio_files_test, misaligned_is_answered_as_by_the_plain_call) {
    const handle direct = open(O_RDONLY | O_DIRECT);
    if (direct.id < 0) GTEST_SKIP() << "this file system has no O_DIRECT";
    alignas(block) static std::array<char, 2 * block> memory;
    struct attempt {
        std::size_t address, length, offset;
    };
    for (const attempt& a : {attempt{1, block, 0}, attempt{0, block - 1, 0}, attempt{0, block, 17}}) {
        const ::ssize_t plain = ::pread(direct.id, memory.data() + a.address, a.length, static_cast<::off_t>(a.offset));
        const std::int32_t expected = plain < 0 ? -errno : static_cast<std::int32_t>(plain);
        const io_slice slice(memory.data() + a.address, a.length);
        read_at_op op(direct, &slice, 1, a.offset);
        EXPECT_EQ(perform(op), expected);
    }
}

TEST_P(linux_aio_files_test, an_error_in_a_batch_concerns_one_and_the_others_go_on) {
    const handle file = open(O_RDONLY);
    EXPECT_EQ(read(file, 10, 0), text.substr(0, 10));
    std::array<char, 8> bytes{};
    const io_slice slice(bytes.data(), bytes.size());
    read_at_op before(file, &slice, 1, 0);
    write_at_op forbidden(file, &slice, 1, 0);
    read_at_op negative(file, &slice, 1, std::uint64_t{1} << 63);
    read_at_op after(file, &slice, 1, 8);
    for (operation* const op : {static_cast<operation*>(&before), static_cast<operation*>(&forbidden),
                                static_cast<operation*>(&negative), static_cast<operation*>(&after)}) {
        ASSERT_EQ(submit(*op), submitted::queued);
    }
    EXPECT_EQ(finish(before), 8);
    EXPECT_EQ(finish(forbidden), -EBADF);
    EXPECT_EQ(finish(negative), -EINVAL);
    EXPECT_EQ(finish(after), 8);
}

TEST_P(linux_aio_files_test, beyond_the_bound_it_is_busy_and_later_not) {
    create(file_engine::linux_aio, 4, GetParam());
    const handle file = open(O_RDWR);
    std::vector<std::unique_ptr<sync_op>> syncs;
    for (int i = 0; i < 4; ++i) {
        syncs.push_back(std::make_unique<sync_op>(file, true));
        ASSERT_EQ(submit(*syncs.back()), submitted::queued);
    }
    sync_op more(file, true);
    EXPECT_EQ(submit(more), submitted::busy);
    for (const auto& op : syncs) EXPECT_EQ(finish(*op), 0);
    EXPECT_EQ(perform(more), 0);
}

TEST_P(linux_aio_files_test, what_is_asked_to_end_and_would_need_a_thread_ends_there) {
    const handle file = open(O_RDONLY);
    make_cold(file);
    std::array<char, 8> bytes{};
    const io_slice slice(bytes.data(), bytes.size());
    read_at_op op(file, &slice, 1, 0);
    ASSERT_EQ(submit(op), submitted::queued);
    op.cancel_requested = true;  // as the adaptor notes it
    EXPECT_TRUE(path->cancel(op, out));
    const std::int32_t r = finish(op);
    EXPECT_TRUE(r == -ECANCELED || r == 8) << r;
    read_at_op elsewhere(file, &slice, 1, 0);
    EXPECT_FALSE(path->cancel(elsewhere, out));
}

TEST_P(linux_aio_files_test, what_is_no_file_or_too_much_is_left_to_the_pool) {
    const handle file = open(O_RDWR);
    std::string much(most_without_waiting + 1, 'x');
    const io_slice slice(much.data(), much.size());
    write_at_op large(file, &slice, 1, 0);
    EXPECT_EQ(submit(large), std::nullopt);
    status_op status(file);
    EXPECT_EQ(submit(status), std::nullopt);
    const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    read_at_op from_null({null.get()}, &slice, 1, 0);
    EXPECT_EQ(submit(from_null), std::nullopt);
    sync_op of_nothing({}, false);
    EXPECT_EQ(submit(of_nothing), std::nullopt);
}

// Files of /proc cannot be asked without waiting; once that is known they are not asked again.
TEST_P(linux_aio_files_test, a_file_system_that_refuses_is_remembered_until_the_descriptor_is_closed) {
    const unique_fd version(::open("/proc/version", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(version);
    EXPECT_EQ(read({version.get()}, 5, 0), "Linux");
    std::array<char, 5> bytes{};
    const io_slice slice(bytes.data(), bytes.size());
    read_at_op op({version.get()}, &slice, 1, 0);
    EXPECT_EQ(submit(op), std::nullopt);
    const handle file = open(O_RDONLY);
    ASSERT_EQ(::dup3(file.id, version.get(), O_CLOEXEC), version.get());
    path->closed(version.get());
    EXPECT_EQ(read({version.get()}, 5, 0), text.substr(0, 5));
    EXPECT_EQ(perform(op), 5);
}

INSTANTIATE_TEST_SUITE_P(announced, linux_aio_files_test, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "to_the_owner" : "by_a_thread"; });

}  // namespace
}  // namespace penstock::detail
