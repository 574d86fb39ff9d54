// Files by offset, alone and beside sockets.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <vector>

namespace penstock::testing {
namespace {

using files = on_backend;
PENSTOCK_ON_EVERY_BACKEND(files);

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

task<std::string> read_whole(fs::file& from, std::size_t piece = 100'000) {
    std::string all;
    std::vector<std::byte> into(piece);
    for (;;) {
        const std::size_t n = must(co_await from.read_at(into, all.size()));
        if (n == 0) co_return all;
        all.append(reinterpret_cast<const char*>(into.data()), n);
    }
}

constexpr fs::open_options fresh{.read = true, .write = true, .create = true, .truncate = true};

TEST_P(files, what_is_written_is_read) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto file = must(co_await fs::open(directory / "file", fresh));
        const std::string text = pattern(1'000'003);
        must(co_await file.write_all_at(bytes_of(text), 0));
        EXPECT_TRUE(same_bytes(co_await read_whole(file), text));
        must(co_await file.sync());
        must(co_await file.sync(true));

        std::array<std::byte, 10> middle{};
        EXPECT_EQ(must(co_await file.read_at(middle, 500'000)), 10U);
        EXPECT_EQ(std::memcmp(middle.data(), text.data() + 500'000, 10), 0);
        EXPECT_EQ(must(co_await file.read_at(middle, text.size() - 4)), 4U);  // short: the end is near
        EXPECT_EQ(must(co_await file.read_at(middle, text.size())), 0U);
        EXPECT_EQ(must(co_await file.read_at(middle, text.size() + 1000)), 0U);
        EXPECT_EQ(must(co_await file.read_at(std::span<std::byte>(), 0)), 0U);
        EXPECT_EQ(must(co_await file.write_at(std::span<const std::byte>(), 0)), 0U);
        must(co_await file.close());
        EXPECT_FALSE(file.open());
        must(co_await file.close());
    });
}

TEST_P(files, slices_are_scattered_and_gathered) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto file = must(co_await fs::open(directory / "file", fresh));
        const std::string text = pattern(3000);
        const std::string_view view = text;
        const std::array<io_slice, 4> from{view.substr(0, 1), view.substr(1, 0), view.substr(1, 1999),
                                           view.substr(2000)};
        EXPECT_EQ(must(co_await file.write_at(std::span(from), 7)), 3000U);
        std::string first(1234, '\0');
        std::string second(5000, '\0');
        const std::array<io_slice, 2> into{io_slice(first.data(), first.size()),
                                           io_slice(second.data(), second.size())};
        EXPECT_EQ(must(co_await file.read_at(std::span(into), 7)), 3000U);
        EXPECT_TRUE(same_bytes(first + second.substr(0, 3000 - 1234), text));
        EXPECT_EQ(must(co_await file.status()).size, 3007U);
    });
}

TEST_P(files, status_tells_what_the_kernel_knows) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    const temporary_directory directory;
    run([&]() -> task<> {
        auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true, .mode = 0640}));
        must(co_await file.write_all_at(bytes_of("12345"), 0));
        const auto status = must(co_await file.status());
        EXPECT_EQ(status.type, fs::file_type::regular);
        EXPECT_EQ(
            status.mode & 0077U, 0040U & ~[] {
                const ::mode_t m = ::umask(0);
                ::umask(m);
                return m;
            }());
        EXPECT_EQ(status.size, 5U);
        EXPECT_EQ(status.links, 1U);
        EXPECT_EQ(status.user, ::getuid());
        EXPECT_NE(status.inode, 0U);
        EXPECT_LT(std::chrono::abs(std::chrono::system_clock::now() - status.modified), 24h);
        auto folder = must(co_await fs::open(directory / "."));
        EXPECT_EQ(must(co_await folder.status()).type, fs::file_type::directory);
        auto device = must(co_await fs::open("/dev/null"));
        EXPECT_EQ(must(co_await device.status()).type, fs::file_type::character_device);
    });
}

TEST_P(files, opening_honours_its_options) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string path = directory / "file";
        {
            auto file = must(co_await fs::open(path, fresh));
            must(co_await file.write_all_at(bytes_of("old content"), 0));
        }
        {
            auto kept = must(co_await fs::open(path, {.write = true, .create = true}));
            EXPECT_EQ(co_await read_whole(kept), "old content");
        }
        {
            auto appended = must(co_await fs::open(path, {.write = true, .append = true}));
            must(co_await appended.write_at(bytes_of(", new"), 0));  // the offset does not count
            EXPECT_EQ(co_await read_whole(appended), "old content, new");
        }
        {
            auto emptied = must(co_await fs::open(path, fresh));
            EXPECT_EQ(must(co_await emptied.status()).size, 0U);
        }
    });
}

TEST_P(files, errors_of_opening_are_told) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const auto absent = co_await fs::open(directory / "absent");
        EXPECT_TRUE(is_error(absent, std::errc::no_such_file_or_directory));
        const auto folder = co_await fs::open(directory / ".", {.write = true});
        EXPECT_TRUE(is_error(folder, std::errc::is_a_directory));
        auto first = must(co_await fs::open(directory / "file", {.write = true, .create = true, .exclusive = true}));
        const auto second = co_await fs::open(directory / "file", {.write = true, .create = true, .exclusive = true});
        EXPECT_TRUE(is_error(second, std::errc::file_exists));
        const auto below = co_await fs::open(directory / "file/below");
        EXPECT_TRUE(is_error(below, std::errc::not_a_directory));
        const auto long_name = co_await fs::open(directory / std::string(300, 'x'));
        EXPECT_TRUE(is_error(long_name, std::errc::filename_too_long));
        const auto nothing = co_await fs::open("");
        EXPECT_TRUE(is_error(nothing, std::errc::no_such_file_or_directory));
    });
}

TEST_P(files, errors_of_reading_and_writing_are_told) {
    const temporary_directory directory;
    run([&]() -> task<> {
        std::array<std::byte, 8> eight{};
        {
            auto made = must(co_await fs::open(directory / "file", fresh));
        }
        auto read_only = must(co_await fs::open(directory / "file"));
        const auto written = co_await read_only.write_at(std::span<const std::byte>(eight), 0);
        EXPECT_TRUE(is_error(written, std::errc::bad_file_descriptor));
        auto write_only = must(co_await fs::open(directory / "file", {.read = false, .write = true}));
        const auto read = co_await write_only.read_at(eight, 0);
        EXPECT_TRUE(is_error(read, std::errc::bad_file_descriptor));
        auto folder = must(co_await fs::open(directory / "."));
        const auto listed = co_await folder.read_at(eight, 0);
        EXPECT_TRUE(is_error(listed, std::errc::is_a_directory));
        const auto negative = co_await read_only.read_at(eight, std::uint64_t{1} << 63);
        EXPECT_TRUE(is_error(negative, std::errc::invalid_argument));
        fs::file closed;
        const auto none = co_await closed.read_at(eight, 0);
        EXPECT_TRUE(is_error(none, std::errc::bad_file_descriptor));
        const auto no_status = co_await closed.status();
        EXPECT_TRUE(is_error(no_status, std::errc::bad_file_descriptor));
        const auto no_sync = co_await closed.sync();
        EXPECT_TRUE(is_error(no_sync, std::errc::bad_file_descriptor));
        const auto full = co_await (must(co_await fs::open("/dev/full", {.write = true})))
                              .write_at(std::span<const std::byte>(eight), 0);
        EXPECT_TRUE(is_error(full, std::errc::no_space_on_device));
    });
}

struct aligned_delete {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{4096}); }
};

// Beside the tests rather than in a temporary directory, which may be one in memory.
TEST_P(files, direct_wants_alignment_and_says_so) {
    const std::string path = "penstock-direct-" + std::to_string(::getpid());
    struct remover {
        const std::string& path;
        ~remover() { ::unlink(path.c_str()); }
    } const remove_at_end{path};
    run([&]() -> task<> {
        fs::open_options direct = fresh;
        direct.direct = true;
        auto opened = co_await fs::open(path, direct);
        if (is_error(opened, std::errc::invalid_argument)) {
            std::printf("no O_DIRECT in this directory's file system\n");
            co_return;
        }
        auto file = must(std::move(opened));
        const std::unique_ptr<std::byte[], aligned_delete> memory(new (std::align_val_t{4096}) std::byte[16384]);
        const std::string text = pattern(8192);
        std::memcpy(memory.get(), text.data(), 8192);
        const std::span<std::byte> all(memory.get(), 16384);
        must(co_await file.write_all_at(std::span<const std::byte>(all.first(8192)), 0));
        for (std::size_t have = 0; have < 8192;) {
            const std::size_t n = must(co_await file.read_at(all.subspan(8192 + have, 8192 - have), have));
            if (n == 0) throw std::runtime_error("the file ends early");
            have += n;
        }
        EXPECT_EQ(std::memcmp(memory.get() + 8192, text.data(), 8192), 0);
        must(co_await file.sync());
        const auto address = co_await file.read_at(all.subspan(1, 4096), 0);
        EXPECT_TRUE(is_error(address, errc::misaligned_address));
        const auto length = co_await file.read_at(all.first(4095), 0);
        EXPECT_TRUE(is_error(length, errc::misaligned_length));
        const auto offset = co_await file.read_at(all.first(4096), 17);
        EXPECT_TRUE(is_error(offset, errc::misaligned_offset));
    });
}

task<> write_block(fs::file& to, std::size_t number, std::size_t size) {
    const std::string block = pattern(size, static_cast<unsigned>(number));
    must(co_await to.write_all_at(bytes_of(block), number * size));
}

task<> check_block(fs::file& from, std::size_t number, std::size_t size) {
    std::string block(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const std::size_t n =
            must(co_await from.read_at(std::as_writable_bytes(std::span(block)).subspan(have), number * size + have));
        if (n == 0) break;
        have += n;
    }
    EXPECT_TRUE(same_bytes(block, pattern(size, static_cast<unsigned>(number)))) << "block " << number;
}

// More at once than any queue for files has room for.
TEST_P(files, hundreds_of_operations_on_one_file_at_once) {
    const temporary_directory directory;
    run([&]() -> task<> {
        constexpr std::size_t count = 400;
        auto file = must(co_await fs::open(directory / "file", fresh));
        co_await with_scope([&](scope& s) -> task<> {
            for (std::size_t i = 0; i < count; ++i) spawn(s, write_block(file, i, 4096));
            co_await s.join();
            for (std::size_t i = 0; i < count; ++i) spawn(s, check_block(file, count - 1 - i, 4096));
            co_await s.join();
        });
        EXPECT_EQ(must(co_await file.status()).size, count * 4096);
    });
}

task<> send_file(fs::file& from, net::stream to) {
    std::vector<std::byte> piece(30'000);
    std::uint64_t at = 0;
    for (;;) {
        const std::size_t n = must(co_await from.read_at(piece, at));
        if (n == 0) break;
        must(co_await to.send(std::span<const std::byte>(piece).first(n)));
        at += n;
    }
    must(co_await to.close());
}

task<> store(net::stream from, fs::file& to) {
    std::uint64_t at = 0;
    for (;;) {
        const lease piece = must(co_await from.receive());
        if (piece.empty()) co_return;
        must(co_await to.write_all_at(piece.bytes(), at));
        at += piece.size();
    }
}

TEST_P(files, files_and_sockets_in_one_loop) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const std::string text = pattern(2'000'000);
        auto source = must(co_await fs::open(directory / "source", fresh));
        must(co_await source.write_all_at(bytes_of(text), 0));
        std::vector<fs::file> copies;
        for (int i = 0; i < 8; ++i) copies.push_back(must(co_await fs::open(directory / std::to_string(i), fresh)));
        co_await with_scope([&](scope& s) -> task<> {
            for (fs::file& copy : copies) {
                auto pair = co_await connected();
                spawn(s, send_file(source, std::move(pair.near)));
                spawn(s, store(std::move(pair.far), copy));
            }
            co_await s.join();
        });
        for (fs::file& copy : copies) EXPECT_TRUE(same_bytes(co_await read_whole(copy), text));
    });
}

TEST_P(files, a_dropped_file_is_closed) {
    const temporary_directory directory;
    run([&]() -> task<> {
        const auto before = open_descriptors();
        for (int i = 0; i < 50; ++i) {
            auto file = must(co_await fs::open(directory / "file", fresh));
            must(co_await file.write_all_at(bytes_of("x"), 0));
        }
        for (int i = 0; i < 1000 && open_descriptors() != before; ++i) co_await yield();
        EXPECT_EQ(open_descriptors(), before);
    });
}

TEST_P(files, a_cancelled_read_or_write_ends_and_is_told_apart_from_success) {
    const temporary_directory directory;
    run([&]() -> task<> {
        auto file = must(co_await fs::open(directory / "file", fresh));
        const std::string text = pattern(1 << 20);
        must(co_await file.write_all_at(bytes_of(text), 0));
        const auto read = [](fs::file& from, std::vector<std::byte>& into) -> task<result<std::size_t>> {
            co_return co_await from.read_at(into, 0);
        };
        for (const int after : moments) {
            std::vector<std::byte> into(text.size());
            const auto r = co_await cancelled_after(after, read(file, into));
            EXPECT_TRUE(r.has_value() || is_cancelled(r));
            EXPECT_TRUE(after != 0 || is_cancelled(r));
            EXPECT_EQ(std::memcmp(into.data(), text.data(), r.value_or(0)), 0);
        }
        // Opening while cancelled leaks nothing, whether or not it had succeeded.
        for (const int after : moments) {
            const auto opened = co_await cancelled_after(after, fs::open(directory / "file"));
            EXPECT_TRUE(opened.has_value() || is_cancelled(opened));
        }
    });
}

}  // namespace
}  // namespace penstock::testing
