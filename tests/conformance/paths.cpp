// Files by their names: directories to be relative to, renaming, removing, links, and where a path may not lead.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

namespace penstock::testing {
namespace {

using paths = on_backend;
PENSTOCK_ON_EVERY_BACKEND(paths);

using std::errc;

constexpr fs::open_options fresh{.write = true, .create = true, .exclusive = true};

/// A directory that the backend has made itself: the simulated machine knows of no other what is not in it.
task<fs::directory> make_root(std::string path) {
    must(co_await fs::make_directory(path));
    co_return must(co_await fs::open_directory(std::move(path)));
}

task<> make_file(fs::place where, std::string text) {
    auto file = must(co_await fs::open(std::move(where), fresh));
    must(co_await file.write_all_at(std::as_bytes(std::span(text)), 0));
    must(co_await file.close());
}

task<std::string> content(fs::place where) {
    auto file = must(co_await fs::open(std::move(where)));
    std::string text(100, '\0');
    text.resize(must(co_await file.read_at(std::as_writable_bytes(std::span(text)), 0)));
    co_return text;
}

task<bool> exists(fs::place where) {
    const auto found = co_await fs::status(std::move(where), false);
    if (!found && found.error() != errc::no_such_file_or_directory) throw std::system_error(found.error());
    co_return found.has_value();
}

TEST_P(paths, what_is_made_in_a_directory_is_there_and_goes) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        must(co_await fs::make_directory(root / "sub", 0700));
        const auto made = must(co_await fs::status(root / "sub"));
        EXPECT_EQ(made.type, fs::file_type::directory);
        EXPECT_EQ(made.mode, 0700U);
        co_await make_file(root / "sub/file", "text");
        EXPECT_EQ(co_await content(at / "root/sub/file"), "text");
        EXPECT_EQ(must(co_await fs::status(root / "sub/file")).size, 4U);
        EXPECT_EQ(must(co_await root.status()).type, fs::file_type::directory);
        must(co_await root.sync());

        must(co_await fs::remove_file(root / "sub/file"));
        EXPECT_FALSE(co_await exists(root / "sub/file"));
        must(co_await fs::remove_directory(root / "sub"));
        EXPECT_FALSE(co_await exists(root / "sub"));
        must(co_await root.close());
        EXPECT_FALSE(root.open());
    });
}

TEST_P(paths, what_can_t_be_is_an_error) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        must(co_await fs::make_directory(root / "sub"));
        co_await make_file(root / "file", "");
        co_await fails(fs::make_directory(root / "sub"), errc::file_exists);
        co_await fails(fs::make_directory(root / "file"), errc::file_exists);
        co_await fails(fs::make_directory(root / "none/sub"), errc::no_such_file_or_directory);
        co_await fails(fs::make_directory(root / "file/sub"), errc::not_a_directory);
        co_await fails(fs::make_directory(root / std::string(256, 'n')), errc::filename_too_long);
        co_await fails(fs::make_directory(root / ""), errc::no_such_file_or_directory);
        co_await fails(fs::remove_file(root / "none"), errc::no_such_file_or_directory);
        co_await fails(fs::remove_file(root / "sub"), errc::is_a_directory);
        co_await fails(fs::remove_directory(root / "file"), errc::not_a_directory);
        co_await fails(fs::remove_directory(root / "none"), errc::no_such_file_or_directory);
        co_await make_file(root / "sub/file", "");
        co_await fails(fs::remove_directory(root / "sub"), errc::directory_not_empty);
        co_await fails(fs::status(root / "none"), errc::no_such_file_or_directory);
        co_await fails(fs::status(root / ""), errc::no_such_file_or_directory);
        co_await fails(fs::open(root / "none"), errc::no_such_file_or_directory);
        co_await fails(fs::open_directory(root / "file"), errc::not_a_directory);
        co_await fails(fs::open(root / "sub", {.write = true}), errc::is_a_directory);

        must(co_await root.close());  // and is not taken for the working directory now
        co_await fails(fs::status(root / "sub"), errc::bad_file_descriptor);
        co_await fails(fs::make_directory(root / "other"), errc::bad_file_descriptor);
        auto file = must(co_await fs::open(at / "root/file"));
        const fs::place below_a_file(file.name(), "x");
        co_await fails(fs::status(below_a_file), errc::not_a_directory);
    });
}

TEST_P(paths, a_rename_obeys_its_rule) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        must(co_await fs::make_directory(root / "sub"));
        co_await make_file(root / "one", "1");
        co_await make_file(root / "two", "2");
        must(co_await fs::rename(root / "one", root / "sub/one"));
        EXPECT_FALSE(co_await exists(root / "one"));
        EXPECT_EQ(co_await content(root / "sub/one"), "1");

        co_await fails(fs::rename(root / "two", root / "sub/one", fs::rename_rule::refuse), errc::file_exists);
        EXPECT_EQ(co_await content(root / "two"), "2");
        must(co_await fs::rename(root / "two", root / "sub/one", fs::rename_rule::exchange));
        EXPECT_EQ(co_await content(root / "two"), "1");
        EXPECT_EQ(co_await content(root / "sub/one"), "2");
        must(co_await fs::rename(root / "two", root / "three", fs::rename_rule::refuse));
        must(co_await fs::rename(root / "three", root / "sub/one"));
        EXPECT_EQ(co_await content(root / "sub/one"), "1");

        const auto exchange = fs::rename_rule::exchange;
        co_await fails(fs::rename(root / "sub/one", root / "none", exchange), errc::no_such_file_or_directory);
        co_await fails(fs::rename(root / "none", root / "other"), errc::no_such_file_or_directory);
        co_await fails(fs::rename(root / "sub", root / "sub/below"), errc::invalid_argument);
        co_await fails(fs::rename(root / "sub/one", root / "sub"), errc::directory_not_empty);
        must(co_await fs::make_directory(root / "empty"));
        co_await fails(fs::rename(root / "sub/one", root / "empty"), errc::is_a_directory);
        co_await fails(fs::rename(root / "empty", root / "sub/one"), errc::not_a_directory);
        co_await fails(fs::rename(root / "empty", root / "sub"), errc::directory_not_empty);
        must(co_await fs::rename(root / "sub", root / "empty"));
        EXPECT_EQ(co_await content(root / "empty/one"), "1");
        EXPECT_FALSE(co_await exists(root / "sub"));
    });
}

TEST_P(paths, a_directory_is_followed_when_it_is_renamed) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        must(co_await fs::make_directory(root / "before"));
        auto inside = must(co_await fs::open_directory(root / "before", {.path_only = true}));
        co_await make_file(inside / "file", "here");
        must(co_await fs::rename(root / "before", root / "after"));
        EXPECT_EQ(co_await content(inside / "file"), "here");
        EXPECT_EQ(co_await content(root / "after/file"), "here");
        EXPECT_EQ(co_await content(inside / "../after/file"), "here");
        must(co_await fs::rename(inside / "file", root / "file"));
        EXPECT_EQ(co_await content(root / "file"), "here");
        EXPECT_EQ(must(co_await inside.status()).type, fs::file_type::directory);
        co_await fails(inside.sync(), errc::bad_file_descriptor);
    });
}

TEST_P(paths, links_lead_to_what_they_name) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        co_await make_file(root / "file", "text");
        must(co_await fs::make_link(root / "file", root / "second"));
        EXPECT_EQ(must(co_await fs::status(root / "file")).links, 2U);
        EXPECT_EQ(must(co_await fs::status(root / "file")).inode, must(co_await fs::status(root / "second")).inode);
        must(co_await fs::remove_file(root / "file"));
        EXPECT_EQ(co_await content(root / "second"), "text");

        must(co_await fs::make_symlink("second", root / "link"));
        EXPECT_EQ(co_await content(root / "link"), "text");
        EXPECT_EQ(must(co_await fs::status(root / "link")).type, fs::file_type::regular);
        const auto itself = must(co_await fs::status(root / "link", false));
        EXPECT_EQ(itself.type, fs::file_type::symlink);
        EXPECT_EQ(itself.size, 6U);
        must(co_await fs::make_symlink("nowhere", root / "dangling"));
        co_await fails(fs::open(root / "dangling"), errc::no_such_file_or_directory);
        must(co_await fs::make_symlink("loop", root / "loop"));
        co_await fails(fs::open(root / "loop"), errc::too_many_symbolic_link_levels);
        must(co_await fs::remove_file(root / "link"));
        EXPECT_EQ(co_await content(root / "second"), "text");

        co_await fails(fs::make_link(root / "none", root / "other"), errc::no_such_file_or_directory);
        co_await fails(fs::make_link(root / "second", root / "loop"), errc::file_exists);
        co_await fails(fs::make_symlink("second", root / "second"), errc::file_exists);
        co_await fails(fs::make_symlink("", root / "other"), errc::no_such_file_or_directory);
        must(co_await fs::make_directory(root / "sub"));
        co_await fails(fs::make_link(root / "sub", root / "other"), errc::operation_not_permitted);
    });
}

TEST_P(paths, a_path_leads_no_further_than_it_may) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        must(co_await fs::make_directory(root / "sub"));
        auto sub = must(co_await fs::open_directory(root / "sub"));
        co_await make_file(root / "outside", "out");
        co_await make_file(sub / "inside", "in");
        must(co_await fs::make_symlink("inside", sub / "link"));
        must(co_await fs::make_symlink("../outside", sub / "leads_out"));
        must(co_await fs::make_symlink("/inside", sub / "from_root"));

        constexpr fs::open_options beneath{.within = {.beneath = true}};
        auto found = must(co_await fs::open(sub / "../sub/inside"));
        auto linked = must(co_await fs::open(sub / "link", beneath));
        auto new_one =
            must(co_await fs::open(sub / "new", {.write = true, .create = true, .within = {.beneath = true}}));
        co_await fails(fs::open(sub / "../sub/inside", beneath), errc::cross_device_link);
        co_await fails(fs::open(sub / "leads_out", beneath), errc::cross_device_link);
        co_await fails(fs::open(sub / (at / "root/sub/inside"), beneath), errc::cross_device_link);

        constexpr fs::open_options in_root{.within = {.in_root = true}};
        auto as_root = must(co_await fs::open(sub / "/../../inside", in_root));
        auto through_link = must(co_await fs::open(sub / "from_root", in_root));
        co_await fails(fs::open(sub / "leads_out", in_root), errc::no_such_file_or_directory);

        constexpr fs::open_options direct{.within = {.no_symlinks = true}};
        auto plain = must(co_await fs::open(sub / "inside", direct));
        co_await fails(fs::open(sub / "link", direct), errc::too_many_symbolic_link_levels);
        co_await fails(fs::open(sub / "link", {.no_follow = true}), errc::too_many_symbolic_link_levels);
        auto same = must(co_await fs::open(sub / "inside", {.within = {.no_magic_links = true, .no_mounts = true}}));
    });
}

// A name is made or it is not, and the result says which; cancelled before it began, nothing is done.
template <class Make>
task<> cancel_at_each_moment(fs::directory& in, std::string what, Make make) {
    for (const int after : moments) {
        const std::string name = what + std::to_string(after);
        const auto r = co_await cancelled_after(after, make(in / name));
        EXPECT_TRUE(r.has_value() || is_cancelled(r)) << name;
        EXPECT_TRUE(after != 0 || is_cancelled(r)) << name;
        const bool there = co_await exists(in / name);
        EXPECT_EQ(there, r.has_value()) << name;
    }
}

TEST_P(paths, a_cancelled_operation_is_done_or_not_and_says_so) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto root = co_await make_root(at / "root");
        co_await make_file(root / "file", "");
        co_await cancel_at_each_moment(root, "directory", [](fs::place p) { return fs::make_directory(std::move(p)); });
        co_await cancel_at_each_moment(root, "symlink",
                                       [](fs::place p) { return fs::make_symlink("x", std::move(p)); });
        co_await cancel_at_each_moment(root, "link",
                                       [&](fs::place p) { return fs::make_link(root / "file", std::move(p)); });
        for (const int after : moments) {
            const auto moved = co_await cancelled_after(after, fs::rename(root / "file", root / "moved"));
            EXPECT_TRUE(after != 0 || is_cancelled(moved));
            const bool there = co_await exists(root / "moved");
            EXPECT_EQ(there, moved.has_value());
            if (moved) must(co_await fs::rename(root / "moved", root / "file"));
            const auto removed = co_await cancelled_after(after, fs::remove_file(root / "file"));
            EXPECT_TRUE(after != 0 || is_cancelled(removed));
            const bool left = co_await exists(root / "file");
            EXPECT_NE(left, removed.has_value());
            if (removed) co_await make_file(root / "file", "");
            const auto known = co_await cancelled_after(after, fs::status(root / "file"));
            EXPECT_TRUE(known.has_value() || is_cancelled(known));
            const auto opened = co_await cancelled_after(after, fs::open_directory(root / "."));
            EXPECT_TRUE(opened.has_value() || is_cancelled(opened));
        }
    });
}

}  // namespace
}  // namespace penstock::testing
