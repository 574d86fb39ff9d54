#include <penstock/result.hpp>

#include <gtest/gtest.h>

#include <cerrno>

namespace penstock {
namespace {

constexpr errc every_errc[] = {errc::too_many_blocked_operations,
                               errc::queue_full,
                               errc::loop_stopped,
                               errc::unexpected_end,
                               errc::signals_not_blocked,
                               errc::too_many_open_files,
                               errc::misaligned_address,
                               errc::misaligned_length,
                               errc::misaligned_offset};

TEST(result, own_errors_survive_the_encoding_of_operations) {
    for (const errc e : every_errc) {
        EXPECT_LT(detail::encode(e), -detail::own_error_base);
        EXPECT_EQ(detail::decode(detail::encode(e)), e);
    }
}

TEST(result, kernel_errors_compare_with_the_standard_conditions) {
    EXPECT_EQ(detail::decode(-ECANCELED), std::errc::operation_canceled);
    EXPECT_EQ(detail::decode(-ETIMEDOUT), std::errc::timed_out);
    EXPECT_EQ(detail::decode(-ECONNRESET).category(), std::system_category());
    EXPECT_EQ(detail::decode(-133).category(), std::system_category());  // the largest errno of Linux
}

TEST(result, every_own_error_has_one_line_of_its_own) {
    for (const errc e : every_errc) {
        const std::string message = make_error_code(e).message();
        EXPECT_FALSE(message.starts_with("unknown")) << message;
        EXPECT_EQ(message.find('\n'), message.npos);
    }
    EXPECT_EQ(std::error_code(999, penstock_category()).message(), "unknown penstock error 999");
    EXPECT_STREQ(penstock_category().name(), "penstock");
}

TEST(result, the_limit_of_blocked_operations_is_in_the_message) {
    detail::note_blocked_operations_limit(77);
    EXPECT_NE(make_error_code(errc::too_many_blocked_operations).message().find("(limit 77)"), std::string::npos);
}

TEST(result, a_descriptor_beyond_the_sets_is_one_of_too_many) {
    const std::error_code code = make_error_code(errc::too_many_open_files);
    EXPECT_EQ(code.message(), "too many open files for select (FD_SETSIZE 1024)");
    EXPECT_EQ(code, std::errc::too_many_files_open);  // as any backend says it when the process's limit is reached
    EXPECT_NE(make_error_code(errc::queue_full), std::errc::too_many_files_open);
}

TEST(result, what_is_misaligned_is_an_invalid_argument_with_a_name) {
    EXPECT_EQ(make_error_code(errc::misaligned_length), std::errc::invalid_argument);
    EXPECT_NE(make_error_code(errc::misaligned_length), errc::misaligned_offset);
}

TEST(result, fail_makes_an_error_of_every_source) {
    const auto own = []() -> result<int> { return fail(errc::queue_full); };
    const auto standard = []() -> result<int> { return fail(std::errc::timed_out); };
    const auto code = []() -> result<void> { return fail(std::error_code(EIO, std::system_category())); };
    EXPECT_EQ(own().error(), errc::queue_full);
    EXPECT_EQ(standard().error(), std::errc::timed_out);
    EXPECT_EQ(code().error(), std::errc::io_error);
}

}  // namespace
}  // namespace penstock
