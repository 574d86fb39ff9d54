// Parts of files: their length, their space, when they are written, how they will be read.
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <sys/mman.h>

namespace penstock::testing {
namespace {

using extents = on_backend;
PENSTOCK_ON_EVERY_BACKEND(extents);

using std::errc;

constexpr fs::open_options fresh{.write = true, .create = true, .truncate = true};

task<fs::file> file_with(std::string path, std::string text) {
    auto file = must(co_await fs::open(std::move(path), fresh));
    must(co_await file.write_all_at(std::as_bytes(std::span(text)), 0));
    co_return file;
}

task<std::string> content(fs::file& from, std::size_t most = 20'000) {
    std::string text(most, '\0');
    std::size_t have = 0;
    for (std::size_t n = 1; n != 0 && have < most; have += n) {
        n = must(co_await from.read_at(std::as_writable_bytes(std::span(text)).subspan(have), have));
    }
    text.resize(have);
    co_return text;
}

task<std::uint64_t> size_of(fs::file& f) { co_return must(co_await f.status()).size; }

TEST_P(extents, a_file_gets_the_length_that_it_is_given) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto file = co_await file_with(at / "file", "0123456789");
        must(co_await file.truncate(4));
        EXPECT_EQ(co_await content(file), "0123");
        must(co_await file.truncate(6));
        EXPECT_EQ(co_await content(file), std::string("0123\0\0", 6));
        must(co_await file.truncate(0));
        EXPECT_EQ(co_await size_of(file), 0U);

        co_await fails(file.truncate(UINT64_MAX), errc::invalid_argument);
        auto for_reading = must(co_await fs::open(at / "file"));
        co_await fails(for_reading.truncate(1), errc::invalid_argument);
        must(co_await file.close());
        co_await fails(file.truncate(1), errc::bad_file_descriptor);
    });
}

TEST_P(extents, space_is_allocated_and_given_back) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto file = co_await file_with(at / "file", std::string(8192, 'x'));
        const auto kept = co_await file.allocate(0, 16384, fs::allocation::keep_size);
        if (!kept && kept.error() == errc::operation_not_supported) co_return;  // the file system of /tmp can't
        must(kept);
        EXPECT_EQ(co_await size_of(file), 8192U);
        must(co_await file.allocate(8192, 4096));
        EXPECT_EQ(co_await content(file), std::string(8192, 'x') + std::string(4096, '\0'));
        must(co_await file.allocate(4096, 4096, fs::allocation::punch_hole));
        EXPECT_EQ(co_await content(file), std::string(4096, 'x') + std::string(8192, '\0'));
        const auto zeroed = co_await file.allocate(0, 13'000, fs::allocation::zero);
        EXPECT_TRUE(zeroed.has_value() || zeroed.error() == errc::operation_not_supported);
        EXPECT_EQ(co_await size_of(file), zeroed ? 13'000U : 12'288U);

        co_await fails(file.allocate(0, 0), errc::invalid_argument);
        co_await fails(file.allocate(1, INT64_MAX), errc::file_too_large);
        auto for_reading = must(co_await fs::open(at / "file"));
        co_await fails(for_reading.allocate(0, 1), errc::bad_file_descriptor);
    });
}

TEST_P(extents, a_part_is_written_and_advice_is_taken) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto file = co_await file_with(at / "file", pattern(20'000));
        must(co_await file.sync_range(4096, 4096, true));
        must(co_await file.sync_range(4096, 4096));
        must(co_await file.sync_range(0, 0));
        for (const auto advice : {fs::file_advice::normal, fs::file_advice::sequential, fs::file_advice::random,
                                  fs::file_advice::no_reuse, fs::file_advice::will_need, fs::file_advice::dont_need}) {
            must(co_await file.advise(0, 10'000, advice));
            must(co_await file.advise(5000, 0, advice));
            must(co_await file.advise(0, std::uint64_t{5} << 32, advice));  // more than an entry of io_uring says
        }
        EXPECT_TRUE(same_bytes(co_await content(file), pattern(20'000)));

        co_await fails(file.sync_range(UINT64_MAX, 1), errc::invalid_argument);
        fs::file no_file;
        co_await fails(no_file.sync_range(0, 1), errc::bad_file_descriptor);
        co_await fails(no_file.advise(0, 1, fs::file_advice::normal), errc::bad_file_descriptor);
    });
}

TEST_P(extents, memory_is_advised) {
    run([&]() -> task<> {
        constexpr std::size_t size = 64 * 1024;
        void* const made = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (made == MAP_FAILED) throw std::runtime_error("no memory");
        const std::span memory(static_cast<std::byte*>(made), size);
        std::ranges::fill(memory, std::byte{'x'});
        using enum fs::memory_advice;
        for (const auto advice : {normal, sequential, random, populate_read, populate_write}) {
            must(co_await fs::advise_memory(memory, advice));
        }
        EXPECT_EQ(memory[size - 1], std::byte{'x'});
        const auto unaligned = co_await fs::advise_memory(memory.subspan(1), normal);
        EXPECT_TRUE(is_error(unaligned, errc::invalid_argument));
        must(co_await fs::advise_memory(memory.first(size / 2), dont_need));
        EXPECT_EQ(memory[0], std::byte{});
        EXPECT_EQ(memory[size - 1], std::byte{'x'});
        ::munmap(made, size);
    });
}

// An entry of io_uring has 32 bits for the size: what is beyond must not be cut off, or taken for less.
TEST_P(extents, advice_reaches_memory_beyond_four_gigabytes) {
    run([&]() -> task<> {
        constexpr std::size_t size = (std::size_t{4} << 30) + 8192;
        constexpr int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
        void* const made = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
        if (made == MAP_FAILED) co_return;
        const std::span memory(static_cast<std::byte*>(made), size);
        memory[size - 1] = std::byte{'x'};
        must(co_await fs::advise_memory(memory, fs::memory_advice::dont_need));
        EXPECT_EQ(memory[size - 1], std::byte{});
        ::munmap(made, size);
    });
}

TEST_P(extents, a_cancelled_operation_is_done_or_not_and_says_so) {
    const temporary_directory at;
    run([&]() -> task<> {
        auto file = co_await file_with(at / "file", "x");
        for (const int after : moments) {
            must(co_await file.truncate(1));
            const auto longer = co_await cancelled_after(after, file.truncate(100));
            EXPECT_TRUE(longer.has_value() || is_cancelled(longer));
            EXPECT_TRUE(after != 0 || is_cancelled(longer));
            EXPECT_EQ(co_await size_of(file), longer ? 100U : 1U);
            const auto allocated = co_await cancelled_after(after, file.allocate(0, 5000));
            EXPECT_TRUE(after != 0 || is_cancelled(allocated));
            EXPECT_EQ(co_await size_of(file), allocated ? 5000U : longer ? 100U : 1U);
            const auto written = co_await cancelled_after(after, file.sync_range(0, 0));
            EXPECT_TRUE(written.has_value() || is_cancelled(written));
            EXPECT_TRUE(after != 0 || is_cancelled(written));
            const auto advised = co_await cancelled_after(after, file.advise(0, 0, fs::file_advice::will_need));
            EXPECT_TRUE(advised.has_value() || is_cancelled(advised));
            EXPECT_TRUE(after != 0 || is_cancelled(advised));
        }
    });
}

}  // namespace
}  // namespace penstock::testing
