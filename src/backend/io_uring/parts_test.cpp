#include "backend/io_uring/parts.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace penstock::detail {
namespace {

class parts_test : public ::testing::Test {
  protected:
    void SetUp() override {
        const ring_request request{.entries = 8, .completions = 64, .options = options_};
        auto made = ring_->set_up(request);
        if (!made) GTEST_SKIP() << made.error().message;
        pool_.allow_parts();
        if (provided_.set_up(ring_->raw(), true) != 0) GTEST_SKIP() << "this kernel fills no buffers in parts";
        ASSERT_TRUE(ring_->start(request));
    }
    void TearDown() override {
        ring_.reset();
        provided_.take_back();
        EXPECT_EQ(pool_.available(), pool_.count());
    }

    uring_options options_;
    buffer_pool pool_{{.buffer_size = 512, .count = 16}};
    std::unique_ptr<ring> ring_ = std::make_unique<ring>();
    buffer_ring provided_{pool_};
};

TEST_F(parts_test, the_kernel_does_as_it_says_or_it_is_told) {
    const std::string trouble = try_parts(*ring_, provided_, pool_);
    if (!trouble.empty()) GTEST_SKIP() << trouble;
    EXPECT_EQ(trouble, try_parts(options_)) << "on a ring of its own";
    EXPECT_GT(provided_.shared(), 0U);
    EXPECT_EQ(pool_.statistics().parts, 0);
    EXPECT_EQ(pool_.available() + provided_.stocked(), pool_.count());
}

// Two entries of the ring have each other's memory: what comes is not where it is looked for, as if the kernel had told
// of receives in another order than it has filled.
TEST_F(parts_test, bytes_elsewhere_than_told_are_noticed) {
    if (const std::string trouble = try_parts(*ring_, provided_, pool_); !trouble.empty()) GTEST_SKIP() << trouble;
    provided_.restock();
    ::io_uring_buf_ring* const entries = provided_.raw();
    // Not of the first one, which is filled in part.
    const auto first = static_cast<std::uint16_t>(entries->tail - provided_.stocked());
    std::swap(entries->bufs[(first + 1) & 15].addr, entries->bufs[(first + 2) & 15].addr);
    EXPECT_EQ(try_parts(*ring_, provided_, pool_),
              "this kernel tells of receives in another order than it fills buffers");
}

TEST_F(parts_test, a_ring_that_can_do_little_is_enough_to_try) {
    const uring_options restricted{.restricted = true};
    EXPECT_EQ(try_parts(restricted), try_parts(options_));
}

}  // namespace
}  // namespace penstock::detail
