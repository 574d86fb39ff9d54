#include "op/call.hpp"
#include "support/descriptor.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

namespace penstock::detail {
namespace {

using testing::closes_on_exec;
using testing::descriptor;
using testing::temporary_directory;

constexpr open_request new_file{.write = true, .create = true};

std::int32_t try_open(const std::string& path, open_request request) {
    open_op op(path.c_str(), request);
    return call(op, call_mode::blocking);
}

descriptor opened(const std::string& path, open_request request = new_file) {
    const std::int32_t r = try_open(path, request);
    EXPECT_GE(r, 0) << path;
    return descriptor(r);
}

std::int32_t write_at(handle h, std::string_view text, std::uint64_t offset) {
    const io_slice slice(text);
    write_at_op op(h, &slice, 1, offset);
    return call(op, call_mode::blocking);
}

std::string read_at(handle h, std::size_t size, std::uint64_t offset) {
    std::string text(size, '?');
    const io_slice slice(text.data(), text.size());
    read_at_op op(h, &slice, 1, offset);
    const std::int32_t r = call(op, call_mode::blocking);
    EXPECT_GE(r, 0);
    text.resize(r < 0 ? 0 : static_cast<std::size_t>(r));
    return text;
}

struct ::statx status_of(handle h) {
    status_op op(h);
    EXPECT_EQ(call(op, call_mode::blocking), 0);
    struct ::statx status;
    std::memcpy(&status, op.raw.data(), sizeof status);
    return status;
}

// --- open
// ----------------------------------------------------------------------------------------------------

TEST(file_call, open_requests_become_flags) {
    EXPECT_EQ(open_flags({}), O_CLOEXEC | O_RDONLY);
    EXPECT_EQ(open_flags({.read = false, .write = true}), O_CLOEXEC | O_WRONLY);
    EXPECT_EQ(open_flags({.write = true}), O_CLOEXEC | O_RDWR);
    EXPECT_EQ(open_flags({.write = true, .create = true, .exclusive = true, .truncate = true, .append = true}),
              O_CLOEXEC | O_RDWR | O_CREAT | O_EXCL | O_TRUNC | O_APPEND);
    EXPECT_EQ(open_flags({.direct = true}), O_CLOEXEC | O_RDONLY | O_DIRECT);
}

TEST(file_call, open_creates_truncates_and_appends) {
    const temporary_directory directory;
    const std::string path = directory / "file";
    EXPECT_EQ(try_open(path, {}), -ENOENT);
    {
        const descriptor file = opened(path, {.write = true, .create = true, .exclusive = true, .mode = 0600});
        EXPECT_TRUE(closes_on_exec(file.name()));
        EXPECT_EQ(status_of(file.name()).stx_mode & 0777, 0600);
        EXPECT_EQ(write_at(file.name(), "one", 0), 3);
    }
    EXPECT_EQ(try_open(path, {.write = true, .create = true, .exclusive = true}), -EEXIST);
    {
        const descriptor file = opened(path, {.write = true, .append = true});
        EXPECT_EQ(write_at(file.name(), "two", 0), 3) << "the offset does not matter";
        EXPECT_EQ(read_at(file.name(), 10, 0), "onetwo");
    }
    const descriptor file = opened(path, {.write = true, .truncate = true});
    EXPECT_EQ(status_of(file.name()).stx_size, 0U);
}

TEST(file_call, open_says_why_it_cannot) {
    const temporary_directory directory;
    const std::string path = directory / "file";
    opened(path).reset();
    EXPECT_EQ(try_open(directory / "", {.read = false, .write = true}), -EISDIR);
    EXPECT_EQ(try_open(path + "/below", {}), -ENOTDIR);
    EXPECT_EQ(try_open("", {}), -ENOENT);
    EXPECT_EQ(try_open(directory / std::string(300, 'x'), new_file), -ENAMETOOLONG);
}

// --- read_at, write_at
// -----------------------------------------------------------------------------------------

TEST(file_call, reads_and_writes_at_offsets_in_slices) {
    const temporary_directory directory;
    const descriptor file = opened(directory / "file");
    const io_slice parts[] = {std::string_view("abc"), std::string_view(""), std::string_view("defg")};
    write_at_op write(file.name(), parts, 3, 2);
    EXPECT_EQ(call(write, call_mode::blocking), 7);
    EXPECT_EQ(read_at(file.name(), 100, 0), std::string("\0\0abcdefg", 9)) << "with a hole in front";

    char first[4] = {};
    char second[10] = {};
    const io_slice into[] = {{first, 3}, {second, 9}};
    read_at_op read(file.name(), into, 2, 3);
    EXPECT_EQ(call(read, call_mode::blocking), 6) << "short at the end";
    EXPECT_STREQ(first, "bcd");
    EXPECT_STREQ(second, "efg");
    EXPECT_EQ(read_at(file.name(), 10, 9), "") << "the end";
    EXPECT_EQ(read_at(file.name(), 10, 1000), "");
}

TEST(file_call, offsets_leave_the_position_alone) {
    const temporary_directory directory;
    const descriptor file = opened(directory / "file");
    EXPECT_EQ(write_at(file.name(), "0123456789", 0), 10);
    EXPECT_EQ(read_at(file.name(), 5, 5), "56789");
    EXPECT_EQ(::lseek(file.get(), 0, SEEK_CUR), 0);
}

TEST(file_call, transfers_at_offsets_fail_with_the_reason) {
    const temporary_directory directory;
    const std::string path = directory / "file";
    const descriptor file = opened(path);
    const descriptor only_reading = opened(path, {});
    const descriptor only_writing = opened(path, {.read = false, .write = true});
    EXPECT_EQ(write_at(only_reading.name(), "x", 0), -EBADF);
    EXPECT_EQ(write_at(file.name(), "x", std::numeric_limits<std::uint64_t>::max()), -EINVAL);

    char byte = 0;
    const io_slice slice(&byte, 1);
    read_at_op read(only_writing.name(), &slice, 1, 0);
    EXPECT_EQ(call(read, call_mode::blocking), -EBADF);
    const io_slice nowhere(nullptr, 1);
    write_at_op write(file.name(), &nowhere, 1, 0);
    EXPECT_EQ(call(write, call_mode::blocking), -EFAULT);

    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    const descriptor writer(pipe.write_end.id);
    EXPECT_EQ(write_at(writer.name(), "x", 0), -ESPIPE);
}

TEST(file_call, direct_transfers_go_past_the_page_cache_or_say_that_they_cannot) {
    constexpr std::size_t block = 4096;
    const temporary_directory directory;
    const std::int32_t r = try_open(directory / "file", {.write = true, .create = true, .direct = true});
    if (r == -EINVAL) GTEST_SKIP() << "the temporary directory's file system has no O_DIRECT";
    const descriptor file(r);
    ASSERT_GE(r, 0);
    EXPECT_NE(::fcntl(file.get(), F_GETFL) & O_DIRECT, 0);

    const std::unique_ptr<char, void (*)(void*)> memory(static_cast<char*>(std::aligned_alloc(block, block)),
                                                        std::free);
    std::memset(memory.get(), 'd', block);
    const io_slice slice(memory.get(), block);
    write_at_op write(file.name(), &slice, 1, block);
    EXPECT_EQ(call(write, call_mode::blocking), static_cast<std::int32_t>(block));
    std::memset(memory.get(), 0, block);
    read_at_op read(file.name(), &slice, 1, block);
    EXPECT_EQ(call(read, call_mode::blocking), static_cast<std::int32_t>(block));
    EXPECT_EQ(std::string(memory.get(), block), std::string(block, 'd'));
}

// --- sync, status
// ------------------------------------------------------------------------------------------------

TEST(file_call, sync_reaches_the_disk_where_there_is_one) {
    const temporary_directory directory;
    const descriptor file = opened(directory / "file");
    EXPECT_EQ(write_at(file.name(), "x", 0), 1);
    pipe_op pipe;
    ASSERT_EQ(call(pipe, call_mode::no_wait), 0);
    const descriptor reader(pipe.read_end.id);
    const descriptor writer(pipe.write_end.id);
    for (const bool only_data : {true, false}) {
        sync_op of_file(file.name(), only_data);
        EXPECT_EQ(call(of_file, call_mode::blocking), 0);
        sync_op of_pipe(reader.name(), only_data);
        EXPECT_EQ(call(of_pipe, call_mode::blocking), -EINVAL);
    }
}

TEST(file_call, status_tells_size_and_sort) {
    const temporary_directory directory;
    const descriptor file = opened(directory / "file");
    EXPECT_EQ(write_at(file.name(), "12345", 10000), 5);
    const struct ::statx of_file = status_of(file.name());
    EXPECT_EQ(of_file.stx_size, 10005U);
    EXPECT_TRUE(S_ISREG(of_file.stx_mode));
    EXPECT_EQ(of_file.stx_nlink, 1U);
    const descriptor folder = opened(directory / "", {});
    EXPECT_TRUE(S_ISDIR(status_of(folder.name()).stx_mode));
}

}  // namespace
}  // namespace penstock::detail
