#include "contenders/files/content.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace iobench {
namespace {

class content : public testing::Test {
  protected:
    content() : pages(3 * page_size) {
        fill_with_noise(pages, 1);
        mark_pages(pages, 7, 2, 8 * page_size);
    }
    std::vector<std::byte> pages;
};

TEST_F(content, knows_its_own_place) {
    EXPECT_TRUE(marked_right(pages, 7, 2, 8 * page_size));
    EXPECT_TRUE(marked_right(std::span(pages).subspan(page_size, page_size), 7, 2, 9 * page_size));
}

TEST_F(content, of_another_place_file_or_seed_is_wrong) {
    EXPECT_FALSE(marked_right(pages, 7, 2, 9 * page_size));
    EXPECT_FALSE(marked_right(pages, 7, 3, 8 * page_size));
    EXPECT_FALSE(marked_right(pages, 8, 2, 8 * page_size));
}

TEST_F(content, damaged_at_either_end_is_wrong) {
    pages.front() ^= std::byte{1};
    EXPECT_FALSE(marked_right(pages, 7, 2, 8 * page_size));
    pages.front() ^= std::byte{1};
    pages.back() ^= std::byte{1};
    EXPECT_FALSE(marked_right(pages, 7, 2, 8 * page_size));
}

TEST_F(content, noise_is_decided_by_its_seed) {
    std::vector<std::byte> one(page_size);
    std::vector<std::byte> same(page_size);
    std::vector<std::byte> other(page_size);
    fill_with_noise(one, 1);
    fill_with_noise(same, 1);
    fill_with_noise(other, 2);
    EXPECT_EQ(one, same);
    EXPECT_NE(one, other);
}

}  // namespace
}  // namespace iobench
