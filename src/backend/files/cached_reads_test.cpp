#include "backend/files/file_path_fixture.hpp"
#include "backend/nowait_transfer.hpp"

#include <cstring>
#include <optional>
#include <string>

namespace penstock::detail {
namespace {

class cached_reads_test : public file_path_test {
  protected:
    void SetUp() override {
        create(file_engine::threads);
        for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('a' + i % 23);
        const unique_fd fill(::open(name.path.c_str(), O_WRONLY | O_CLOEXEC));
        ASSERT_EQ(::write(fill.get(), text.data(), text.size()), static_cast<::ssize_t>(text.size()));
        ASSERT_EQ(::fsync(fill.get()), 0);
    }

    /// What was read at once, or nothing if that is left to the pool.
    std::optional<std::string> read(handle file, std::size_t count, std::uint64_t offset) {
        std::string into(count, '?');
        const io_slice slice(into.data(), into.size());
        read_at_op op(file, &slice, 1, offset);
        const auto answer = submit(op);
        if (!answer) return std::nullopt;
        EXPECT_EQ(*answer, submitted::completed);
        if (op.result < 0) return std::strerror(-op.result);
        into.resize(static_cast<std::size_t>(op.result));
        return into;
    }

    std::string text = std::string(std::size_t{16} * 4096, '\0');
};

TEST_F(cached_reads_test, what_is_in_the_page_cache_is_read_at_once) {
    const handle file = open(O_RDONLY);
    std::string warm(text.size(), '?');
    ASSERT_EQ(::pread(file.id, warm.data(), warm.size(), 0), static_cast<::ssize_t>(warm.size()));
    EXPECT_EQ(read(file, text.size(), 0), text);
    EXPECT_EQ(read(file, 1000, 3000), text.substr(3000, 1000));
    EXPECT_EQ(read(file, 1000, text.size() - 10), text.substr(text.size() - 10)) << "the end of the file";
    EXPECT_EQ(read(file, 10, text.size()), "");
    EXPECT_EQ(workers.statistics().threads, 0U);
}

TEST_F(cached_reads_test, several_slices_are_read_at_once) {
    const handle file = open(O_RDONLY);
    std::string first(100, '?'), second(200, '?');
    ASSERT_EQ(::pread(file.id, first.data(), first.size(), 0), 100);
    const io_slice slices[] = {io_slice(first.data(), first.size()), io_slice(second.data(), second.size())};
    read_at_op op(file, slices, 2, 7);
    ASSERT_EQ(submit(op), submitted::completed);
    EXPECT_EQ(op.result, 300);
    EXPECT_EQ(first + second, text.substr(7, 300));
}

TEST_F(cached_reads_test, what_is_not_in_it_is_left_to_the_pool) {
    const handle file = open(O_RDONLY);
    ASSERT_EQ(::posix_fadvise(file.id, 0, 0, POSIX_FADV_DONTNEED), 0);
    ASSERT_EQ(::posix_fadvise(file.id, 0, 0, POSIX_FADV_RANDOM), 0);
    EXPECT_EQ(read(file, text.size(), 0), std::nullopt);
    char one = '?';
    ASSERT_EQ(::pread(file.id, &one, 1, 0), 1);
    const auto all = read(file, text.size(), 0);
    EXPECT_TRUE(!all || *all == text) << "a short read would tell which pages were there";
}

TEST_F(cached_reads_test, the_rest_is_left_to_the_pool) {
    const handle file = open(O_RDWR);
    std::string much(most_without_waiting + 1, 'x');
    const io_slice slice(much.data(), much.size());
    read_at_op large(file, &slice, 1, 0);
    EXPECT_EQ(submit(large), std::nullopt);
    write_at_op write(file, &slice, 1, 0);
    EXPECT_EQ(submit(write), std::nullopt);
    status_op status(file);
    EXPECT_EQ(submit(status), std::nullopt);
    const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    EXPECT_EQ(read({null.get()}, 1, 0), std::nullopt);
    EXPECT_EQ(read({}, 1, 0), std::nullopt) << "the plain call says what is wrong";
    const handle direct = open(O_RDONLY | O_DIRECT);
    EXPECT_EQ(read(direct, 4096, 0), std::nullopt) << "it would wait for the device";
}

}  // namespace
}  // namespace penstock::detail
