#include "op/call.hpp"
#include "support/descriptor.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace penstock::detail {
namespace {

using testing::descriptor;
using testing::temporary_directory;

template <class Op, class... Arguments>
std::int32_t call_now(Arguments... arguments) {
    Op op(arguments...);
    return call(op, call_mode::blocking);
}

descriptor open_in(handle directory, const char* path, open_request request) {
    return descriptor(call_now<open_op>(path, request, directory));
}

bool is_there(const std::string& path) {
    struct ::stat ignored{};
    return ::lstat(path.c_str(), &ignored) == 0;
}

TEST(path_call, paths_are_relative_to_the_directory_beside_them) {
    const temporary_directory at;
    const descriptor root = open_in({}, (at / "").c_str(), {.directory = true, .path_only = true});
    ASSERT_GE(root.get(), 0);
    const handle in = root.name();
    EXPECT_EQ(call_now<make_directory_op>(in, "sub", 0750U), 0);
    EXPECT_GE(open_in(in, "sub/file", {.write = true, .create = true}).get(), 0);
    EXPECT_EQ(call_now<symlink_op>("file", in, "sub/link"), 0);
    EXPECT_EQ(call_now<link_op>(in, "sub/link", in, "second"), 0);
    EXPECT_EQ(call_now<rename_op>(in, "sub/file", in, "moved", rename_rule::replace), 0);
    EXPECT_TRUE(is_there(at / "sub/link"));
    EXPECT_TRUE(is_there(at / "second"));
    EXPECT_TRUE(is_there(at / "moved"));
    EXPECT_EQ(call_now<unlink_op>(in, "sub", true), -ENOTEMPTY);
    EXPECT_EQ(call_now<unlink_op>(in, "sub", false), -EISDIR);
    EXPECT_EQ(call_now<unlink_op>(in, "sub/link", false), 0);
    EXPECT_EQ(call_now<unlink_op>(in, "sub", true), 0);
    EXPECT_FALSE(is_there(at / "sub"));
}

TEST(path_call, a_rule_of_renaming_is_the_kernel_s) {
    const temporary_directory at;
    const std::string one = at / "one";
    const std::string two = at / "two";
    for (const auto& path : {one, two}) EXPECT_GE(open_in({}, path.c_str(), {.write = true, .create = true}).get(), 0);
    const auto rename = [&](const std::string& to, rename_rule rule) {
        return call_now<rename_op>(handle{}, one.c_str(), handle{}, to.c_str(), rule);
    };
    EXPECT_EQ(rename(two, rename_rule::refuse), -EEXIST);
    EXPECT_EQ(rename(at / "none", rename_rule::exchange), -ENOENT);
    EXPECT_EQ(rename(two, rename_rule::exchange), 0);
    EXPECT_TRUE(is_there(one));
    EXPECT_EQ(rename(two, rename_rule::replace), 0);
    EXPECT_FALSE(is_there(one));
}

TEST(path_call, limits_of_a_path_become_flags) {
    open_op op(
        "x",
        {.create = true,
         .within = {.beneath = true, .in_root = true, .no_symlinks = true, .no_magic_links = true, .no_mounts = true},
         .mode = 0600});
    const ::open_how& how = describe_open(op);
    EXPECT_EQ(how.flags, static_cast<std::uint64_t>(O_CLOEXEC | O_RDONLY | O_CREAT));
    EXPECT_EQ(how.mode, 0600U);
    EXPECT_EQ(how.resolve, static_cast<std::uint64_t>(RESOLVE_BENEATH | RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS |
                                                      RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV));
    open_op plain("x", {.within = {.no_mounts = true}});
    EXPECT_EQ(describe_open(plain).mode, 0U) << "the kernel refuses a mode for what is not created";
    EXPECT_EQ(describe_open(plain).resolve, static_cast<std::uint64_t>(RESOLVE_NO_XDEV));
}

TEST(path_call, a_path_does_not_lead_out) {
    const temporary_directory at;
    const descriptor root = open_in({}, (at / "").c_str(), {.directory = true});
    EXPECT_GE(open_in(root.name(), "file", {.write = true, .create = true, .within = {.beneath = true}}).get(), 0);
    EXPECT_EQ(call_now<open_op>("../x", open_request{.within = {.beneath = true}}, root.name()), -EXDEV);
    EXPECT_GE(open_in(root.name(), "/../file", {.within = {.in_root = true}}).get(), 0);
    EXPECT_EQ(call_now<open_op>("file", open_request{.directory = true}, root.name()), -ENOTDIR);
}

TEST(path_call, status_is_of_a_name_or_of_what_is_open) {
    const temporary_directory at;
    const descriptor root = open_in({}, (at / "").c_str(), {.directory = true});
    EXPECT_EQ(call_now<symlink_op>("nowhere", root.name(), "link"), 0);
    const auto mode_of = [&](status_op& op) {
        EXPECT_EQ(call(op, call_mode::blocking), 0);
        struct ::statx raw{};
        std::memcpy(&raw, op.raw.data(), sizeof raw);
        return raw.stx_mode & S_IFMT;
    };
    status_op itself(root.name(), "link", false);
    EXPECT_EQ(mode_of(itself), static_cast<unsigned>(S_IFLNK));
    status_op directory(root.name());
    EXPECT_EQ(mode_of(directory), static_cast<unsigned>(S_IFDIR));
    EXPECT_EQ(call_now<status_op>(root.name(), "link", true), -ENOENT);
    EXPECT_EQ(call_now<status_op>(handle{}, (at / "none").c_str(), true), -ENOENT);
}

TEST(extent_call, a_part_of_a_file) {
    const temporary_directory at;
    const descriptor file = open_in({}, (at / "file").c_str(), {.write = true, .create = true});
    const auto size = [&] {
        struct ::stat status{};
        ::fstat(file.get(), &status);
        return status.st_size;
    };
    EXPECT_EQ(call_now<truncate_op>(file.name(), 5000U), 0);
    EXPECT_EQ(size(), 5000);
    EXPECT_EQ(call_now<allocate_op>(file.name(), 0U, 10'000U, allocation::keep_size), 0);
    EXPECT_EQ(size(), 5000);
    EXPECT_EQ(call_now<allocate_op>(file.name(), 0U, 10'000U, allocation::extend), 0);
    EXPECT_EQ(size(), 10'000);
    EXPECT_EQ(call_now<allocate_op>(file.name(), 0U, 20'000U, allocation::punch_hole), 0);
    EXPECT_EQ(size(), 10'000);
    for (const bool begin_only : {true, false}) {
        EXPECT_EQ(call_now<sync_range_op>(file.name(), 0U, 0U, begin_only), 0);
        EXPECT_EQ(call_now<sync_range_op>(file.name(), UINT64_MAX, 1U, begin_only), -EINVAL);
    }
    EXPECT_EQ(call_now<advise_op>(file.name(), 0U, 0U, file_advice::will_need), 0);
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const descriptor reader(ends[0]);
    const descriptor writer(ends[1]);
    EXPECT_EQ(call_now<advise_op>(reader.name(), 0U, 0U, file_advice::normal), -ESPIPE) << "it returns the error";
    EXPECT_EQ(call_now<truncate_op>(writer.name(), 1U), -EINVAL);
}

TEST(extent_call, advice_has_the_kernel_s_numbers) {
    const auto number = [](auto advice) {
        if constexpr (std::is_same_v<decltype(advice), file_advice>) {
            return advise_op({}, 0, 0, advice).number();
        } else {
            return advise_memory_op(nullptr, 0, advice).number();
        }
    };
    EXPECT_EQ(number(file_advice::sequential), POSIX_FADV_SEQUENTIAL);
    EXPECT_EQ(number(file_advice::random), POSIX_FADV_RANDOM);
    EXPECT_EQ(number(file_advice::no_reuse), POSIX_FADV_NOREUSE);
    EXPECT_EQ(number(file_advice::will_need), POSIX_FADV_WILLNEED);
    EXPECT_EQ(number(file_advice::dont_need), POSIX_FADV_DONTNEED);
    EXPECT_EQ(number(memory_advice::random), MADV_RANDOM);
    EXPECT_EQ(number(memory_advice::dont_need), MADV_DONTNEED);
    EXPECT_EQ(number(memory_advice::populate_read), MADV_POPULATE_READ);
    EXPECT_EQ(number(memory_advice::populate_write), MADV_POPULATE_WRITE);
    EXPECT_EQ(number(memory_advice::huge_pages), MADV_HUGEPAGE);
    EXPECT_EQ(number(memory_advice::no_huge_pages), MADV_NOHUGEPAGE);
}

}  // namespace
}  // namespace penstock::detail
