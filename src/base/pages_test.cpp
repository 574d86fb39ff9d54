#include <penstock/detail/pages.hpp>

#include "support/mapping_figures.hpp"
#include <penstock/buffer_pool.hpp>

#include <gtest/gtest.h>

#include <cstdint>

namespace penstock::detail {
namespace {

using testing::mapping_figure;

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t some = 3 * huge_page - 5000;

class pages_test : public ::testing::Test {
  protected:
    ~pages_test() override { unmap_pages(mapped_); }
    void touch() const {
        for (std::size_t i = 0; i < mapped_.size; i += 4096) mapped_.memory[i] = std::byte{1};
    }
    pages mapped_;
};

TEST_F(pages_test, are_ordinary_unless_huge_ones_are_wanted) {
    mapped_ = map_pages(5000, false);
    ASSERT_NE(mapped_.memory, nullptr);
    EXPECT_EQ(mapped_.size, 8192U);
    EXPECT_EQ(mapped_.kind, page_kind::ordinary);
    EXPECT_EQ(what_is_missing(mapped_), "");
    EXPECT_EQ(mapping_figure(mapped_.memory, "KernelPageSize"), 4U);
    touch();
}

TEST_F(pages_test, huge_ones_begin_where_they_can_and_are_whole) {
    mapped_ = map_pages(some, true);
    ASSERT_NE(mapped_.memory, nullptr);
    EXPECT_EQ(mapped_.size, 3 * huge_page);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(mapped_.memory) % huge_page, 0U);
    EXPECT_EQ(what_is_missing(mapped_).empty(), mapped_.kind == page_kind::huge);
    touch();
}

TEST_F(pages_test, that_were_set_aside_are_used) {
    mapped_ = map_pages(some, true);
    ASSERT_NE(mapped_.memory, nullptr);
    if (mapped_.kind != page_kind::huge) GTEST_SKIP() << what_is_missing(mapped_);
    touch();
    EXPECT_EQ(mapping_figure(mapped_.memory, "KernelPageSize"), huge_page >> 10);
}

TEST_F(pages_test, that_are_transparent_are_used_where_none_were_set_aside) {
    mapped_ = map_pages(some, true);
    ASSERT_NE(mapped_.memory, nullptr);
    if (mapped_.kind != page_kind::transparent) GTEST_SKIP() << "not transparent: " << what_is_missing(mapped_);
    touch();
    // One may do: the kernel takes ordinary pages where it finds no huge one.
    const std::size_t found = mapping_figure(mapped_.memory, "AnonHugePages");
    if (found == 0) GTEST_SKIP() << "the kernel has no huge page free just now";
    EXPECT_GE(found, huge_page >> 10);
}

TEST_F(pages_test, of_a_pool_are_huge_if_wanted) {
    for (const bool wanted : {false, true}) {
        buffer_pool pool({.buffer_size = 8192, .count = 300, .huge_pages = wanted});
        EXPECT_TRUE(wanted || pool.what_is_missing().empty());
        pool.data(0)[0] = std::byte{1};
        const bool huge = mapping_figure(pool.data(0), "KernelPageSize") > 4;
        EXPECT_EQ(huge, wanted && pool.what_is_missing().empty());
        if (!wanted || huge || !pool.what_is_missing().ends_with("transparent ones were asked for")) continue;
        if (mapping_figure(pool.data(0), "AnonHugePages") == 0) GTEST_SKIP() << "the kernel has no huge page free";
    }
}

}  // namespace
}  // namespace penstock::detail
