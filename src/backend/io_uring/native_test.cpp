// That what is said to be native is: the kernel's count of submission entries rises with each operation. By a call or
// on the worker pool, it would not.
#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

constexpr std::uint64_t times = 10;

/// Of this process's only ring, from /proc/self/fdinfo.
std::uint64_t entries_submitted() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        if (std::filesystem::read_symlink(entry, gone) != "anon_inode:[io_uring]") continue;
        std::ifstream about("/proc/self/fdinfo/" + entry.path().filename().string());
        std::string name;
        std::uint64_t value = 0;
        while (about >> name) {
            if (name == "SqTail:" && about >> value) return value;
        }
    }
    throw std::runtime_error("no ring whose entries could be counted");
}

struct native_operation {
    op_kind kind;
    std::function<task<result<void>>(fs::directory&, fs::file&)> once;
};

task<result<void>> link_again(fs::directory& in) {
    const auto removed = co_await fs::remove_file(in / "link");
    co_return removed ? co_await fs::make_link(in / "file", in / "link") : removed;
}

task<result<void>> symlink_again(fs::directory& in) {
    const auto removed = co_await fs::remove_file(in / "symlink");
    co_return removed ? co_await fs::make_symlink("file", in / "symlink") : removed;
}

task<result<void>> make_again(fs::directory& in) {
    const auto removed = co_await fs::remove_directory(in / "sub");
    co_return removed ? co_await fs::make_directory(in / "sub") : removed;
}

task<result<void>> open_beneath(fs::directory& in) {
    auto opened = co_await fs::open(in / "file", {.within = {.beneath = true}});
    co_return opened ? co_await opened->close() : result<void>(std::unexpected(opened.error()));
}

task<result<void>> status_of(fs::directory& in) {
    const auto found = co_await fs::status(in / "file");
    if (!found) co_return std::unexpected(found.error());
    co_return result<void>{};
}

task<result<void>> poll_a_pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    const auto found = co_await wait_writable(ends[1]);
    ::close(ends[0]);
    ::close(ends[1]);
    if (!found) co_return std::unexpected(found.error());
    co_return result<void>{};
}

std::vector<native_operation> native_operations() {
    using d = fs::directory;
    using f = fs::file;
    return {
        {op_kind::open, [](d& in, f&) { return open_beneath(in); }},
        {op_kind::status, [](d& in, f&) { return status_of(in); }},
        {op_kind::truncate, [](d&, f& file) { return file.truncate(100); }},
        {op_kind::allocate, [](d&, f& file) { return file.allocate(0, 100); }},
        {op_kind::sync_range, [](d&, f& file) { return file.sync_range(0, 0, true); }},
        {op_kind::advise, [](d&, f& file) { return file.advise(0, 0, fs::file_advice::normal); }},
        {op_kind::advise_memory, [](d&, f&) { return fs::advise_memory({}, fs::memory_advice::normal); }},
        {op_kind::rename, [](d& in, f&) { return fs::rename(in / "file", in / "link", fs::rename_rule::exchange); }},
        {op_kind::unlink, [](d& in, f&) { return link_again(in); }},
        {op_kind::make_directory, [](d& in, f&) { return make_again(in); }},
        {op_kind::symlink, [](d& in, f&) { return symlink_again(in); }},
        {op_kind::link, [](d& in, f&) { return link_again(in); }},
        {op_kind::poll, [](d&, f&) { return poll_a_pipe(); }},
    };
}

task<> expect_an_entry_each(const native_operation& what, fs::directory& in, fs::file& file) {
    const std::uint64_t before = entries_submitted();
    for (std::uint64_t i = 0; i < times; ++i) {
        const auto r = co_await what.once(in, file);
        EXPECT_TRUE(succeeds(r)) << to_string(what.kind);
    }
    EXPECT_GE(entries_submitted() - before, times) << to_string(what.kind);
}

TEST(native_test, each_operation_is_an_entry_of_the_ring) {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) GTEST_SKIP() << made.error().message;
    const temporary_directory at;
    const auto& found = (*made)->explain().capabilities;
    auto program = [&]() -> task<> {
        auto in = must(co_await fs::open_directory(at / ""));
        auto file = must(co_await fs::open(in / "file", {.write = true, .create = true}));
        must(co_await fs::make_link(in / "file", in / "link"));
        must(co_await fs::make_symlink("file", in / "symlink"));
        must(co_await fs::make_directory(in / "sub"));
        for (const auto& what : native_operations()) {
            const capability& c = found[what.kind];
            if (c.support == support::native) co_await expect_an_entry_each(what, in, file);
            // A kernel without the opcode says so; this one must not just have been taken for one.
            EXPECT_TRUE(c.support == support::native || !c.why.empty()) << to_string(what.kind);
        }
    };
    (*made)->run(program());
}

}  // namespace
}  // namespace penstock
