#include "backend/io_uring/bundles.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <utility>

namespace penstock::detail {
namespace {

class bundles_test : public ::testing::Test {
  protected:
    void SetUp() override {
        const ring_request request{.entries = 8, .completions = 64, .options = options_};
        auto made = ring_->set_up(request);
        if (!made) GTEST_SKIP() << made.error().message;
        ASSERT_TRUE(ring_->start(request));
        if (provided_.set_up(ring_->raw()) != 0) GTEST_SKIP() << "no provided-buffer rings here";
        provided_.remember_places();
    }
    void TearDown() override {
        ring_.reset();
        provided_.take_back();
    }

    uring_options options_;
    buffer_pool pool_{{.buffer_size = 512, .count = 16}};
    std::unique_ptr<ring> ring_ = std::make_unique<ring>();
    buffer_ring provided_{pool_};
};

TEST_F(bundles_test, the_kernel_does_as_it_says_or_it_is_told) {
    const std::string trouble = try_bundles(*ring_, provided_, pool_);
    if (!trouble.empty()) GTEST_SKIP() << trouble;
    EXPECT_EQ(pool_.available() + provided_.stocked(), pool_.count());
}

// Two entries of the ring have each other's memory: what a kernel does that takes buffers in another order than it
// says.
TEST_F(bundles_test, buffers_in_another_order_than_told_are_noticed) {
    if (const std::string trouble = try_bundles(*ring_, provided_, pool_); !trouble.empty()) GTEST_SKIP() << trouble;
    provided_.restock();
    ::io_uring_buf_ring* const entries = provided_.raw();
    for (unsigned i = 0; i < 16; i += 2) std::swap(entries->bufs[i].addr, entries->bufs[i + 1].addr);
    EXPECT_EQ(try_bundles(*ring_, provided_, pool_), "this kernel fills the buffers in another order than it says");
    EXPECT_EQ(pool_.available() + provided_.stocked(), pool_.count());
}

TEST_F(bundles_test, a_pool_that_is_too_small_does_without) {
    buffer_pool few({.count = 4});
    buffer_ring none(few);
    EXPECT_NE(try_bundles(*ring_, none, few), "");
}

}  // namespace
}  // namespace penstock::detail
