// The size classes of a buffer_pool.
#include <penstock/buffer_pool.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace penstock {
namespace {

TEST(size_classes, do_not_lend_to_each_other) {
    buffer_pool_options options{.buffer_size = 100, .count = 3};
    options.more[0] = {.buffer_size = 5000, .count = 2};
    options.more[2] = {.buffer_size = 64, .count = 4};
    buffer_pool pool(options);
    const unsigned counts[] = {3, 2, 0, 4};
    const unsigned sizes[] = {100, 5000, 0, 64};
    std::vector<std::uint16_t> taken;
    for (unsigned c = 0; c < most_buffer_classes; ++c) {
        EXPECT_EQ(pool.has_class(c), counts[c] != 0);
        EXPECT_EQ(pool.count(c), counts[c]);
        EXPECT_EQ(pool.buffer_size(c), sizes[c]);
        for (unsigned i = 0; i < counts[c]; ++i) {
            const std::uint16_t index = pool.take(c);
            ASSERT_NE(index, detail::no_buffer);
            EXPECT_EQ(pool.class_of(index), c);
            EXPECT_EQ(pool.size_of(index), sizes[c]);
            std::memset(pool.data(index), static_cast<int>(index + 1), sizes[c]);
            taken.push_back(index);
        }
        EXPECT_EQ(pool.take(c), detail::no_buffer);
        EXPECT_EQ(pool.available(c), 0);
    }
    EXPECT_FALSE(pool.has_class(most_buffer_classes));
    for (const std::uint16_t index : taken) {  // no two lie in each other
        for (unsigned i = 0; i < pool.size_of(index); ++i) {
            ASSERT_EQ(static_cast<unsigned>(pool.data(index)[i]), index + 1U) << index << " at " << i;
        }
    }
    const buffer_pool_statistics figures = pool.statistics();
    EXPECT_EQ(figures.exhausted, 1U);
    EXPECT_EQ(figures.in_use, 3);
    EXPECT_EQ(figures.more[0].buffer_size, 5000U);
    EXPECT_EQ(figures.more[0].most_in_use, 2);
    EXPECT_EQ(figures.more[0].exhausted, 1U);
    EXPECT_EQ(figures.more[1].count, 0);
    EXPECT_EQ(figures.more[2].in_use, 4);
    for (const std::uint16_t index : taken) pool.put(index);
    for (unsigned c = 0; c < most_buffer_classes; ++c) EXPECT_EQ(pool.available(c), counts[c]);
}

TEST(size_classes, have_at_most_as_many_buffers_together_as_there_are_numbers) {
    buffer_pool_options options{.buffer_size = 64, .count = 30000};
    options.more[0] = {.buffer_size = 1, .count = 2000};
    options.more[1] = {.buffer_size = 64, .count = 65535};
    options.more[2] = {.buffer_size = 64, .count = 1};
    buffer_pool pool(options);
    EXPECT_EQ(pool.count(0), 30000);
    EXPECT_EQ(pool.count(1), 2000);
    EXPECT_EQ(pool.buffer_size(1), 64U);
    EXPECT_EQ(pool.count(2), 768);
    EXPECT_FALSE(pool.has_class(3)) << "nothing was left for it";
    std::vector<std::uint16_t> taken;
    while (pool.available(2) != 0) taken.push_back(pool.take(2));
    EXPECT_EQ(*std::ranges::max_element(taken), 32767);
    for (const std::uint16_t index : taken) pool.put(index);
}

TEST(size_classes, buffers_are_filled_in_parts_in_each) {
    buffer_pool_options options{.buffer_size = 64, .count = 1};
    options.more[0] = {.buffer_size = 1000, .count = 1};
    buffer_pool pool(options);
    pool.allow_parts();
    detail::received_queue queue;
    detail::lease_credit credit;
    const std::uint16_t index = pool.take(1);
    pool.open(index);
    std::memcpy(pool.data(index), "onetwo", 6);
    EXPECT_TRUE(pool.enqueue_part(queue, credit, index, 3));
    EXPECT_EQ(pool.size_of_newest(queue), 1000U);
    const lease first = pool.dequeue(queue);
    EXPECT_TRUE(pool.enqueue_part(queue, credit, index, 3));
    pool.close(index);
    EXPECT_EQ(first.text(), "one");
    EXPECT_EQ(pool.available(1), 0);
    EXPECT_EQ(pool.dequeue(queue).text(), "two");
    EXPECT_EQ(pool.size_of_newest(queue), 0U);
    EXPECT_EQ(pool.available(0), 1);
}

}  // namespace
}  // namespace penstock
