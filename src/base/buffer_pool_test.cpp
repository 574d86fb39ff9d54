#include <penstock/buffer_pool.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace penstock {
namespace {

// Puts `text` into a fresh buffer and queues it, as a backend does with what it received.
void arrive(buffer_pool& pool, detail::received_queue& queue, detail::lease_credit& credit, std::string_view text) {
    const std::uint16_t index = pool.take();
    ASSERT_NE(index, detail::no_buffer);
    std::memcpy(pool.data(index), text.data(), text.size());
    pool.enqueue(queue, credit, index, static_cast<std::uint32_t>(text.size()));
}

// A credit that counts how often it was told of a buffer that came back.
struct counting_credit : detail::lease_credit {
    counting_credit() noexcept {
        returned = [](lease_credit& credit) noexcept { ++static_cast<counting_credit&>(credit).times_returned; };
    }
    int times_returned = 0;
};

TEST(buffer_pool, hands_out_each_buffer_once_and_then_none) {
    buffer_pool pool({.buffer_size = 128, .count = 5});
    std::set<std::uint16_t> indices;
    std::set<std::byte*> places;
    for (int i = 0; i < 5; ++i) {
        const std::uint16_t index = pool.take();
        ASSERT_LT(index, pool.count());
        std::memset(pool.data(index), 0x5a,
                    pool.buffer_size());  // a sanitizer would see an overlap with the end
        indices.insert(index);
        places.insert(pool.data(index));
    }
    EXPECT_EQ(indices.size(), 5U);
    EXPECT_EQ(places.size(), 5U);
    EXPECT_EQ(pool.take(), detail::no_buffer);
    EXPECT_EQ(pool.take(), detail::no_buffer);
    EXPECT_TRUE(pool.lend().data() == nullptr);
    for (const std::uint16_t index : indices) pool.put(index);

    const buffer_pool_statistics statistics = pool.statistics();
    EXPECT_EQ(statistics.buffer_size, 128U);
    EXPECT_EQ(statistics.count, 5);
    EXPECT_EQ(statistics.in_use, 0);
    EXPECT_EQ(statistics.most_in_use, 5);
    EXPECT_EQ(statistics.exhausted, 3U);
}

TEST(buffer_pool, reuses_the_most_recent_buffer_first) {
    buffer_pool pool({.buffer_size = 64, .count = 8});
    const std::uint16_t first = pool.take();
    const std::uint16_t second = pool.take();
    pool.put(first);
    pool.put(second);
    EXPECT_EQ(pool.take(), second);
    EXPECT_EQ(pool.take(), first);
    pool.put(first);
    pool.put(second);
    EXPECT_EQ(pool.statistics().most_in_use, 2) << "two buffers were enough";
}

TEST(buffer_pool, keeps_its_options_within_their_bounds) {
    buffer_pool least({.buffer_size = 0, .count = 0});
    EXPECT_EQ(least.buffer_size(), 64U);
    EXPECT_EQ(least.count(), 1);
    buffer_pool most({.buffer_size = 64, .count = 65535});
    EXPECT_EQ(most.count(), 32768);
    EXPECT_EQ(most.available(), 32768);
}

TEST(buffer_pool, a_queue_keeps_the_order_of_arrival) {
    buffer_pool pool({.buffer_size = 64, .count = 8});
    detail::received_queue queue;
    detail::lease_credit credit;
    arrive(pool, queue, credit, "one");
    arrive(pool, queue, credit, "two");
    EXPECT_EQ(pool.dequeue(queue).text(), "one");
    arrive(pool, queue, credit, "three");
    EXPECT_EQ(pool.dequeue(queue).text(), "two");
    EXPECT_EQ(pool.dequeue(queue).text(), "three");
    EXPECT_TRUE(queue.empty());
    arrive(pool, queue, credit, "four");  // an emptied queue begins anew
    EXPECT_EQ(pool.dequeue(queue).text(), "four");
}

TEST(buffer_pool, queues_share_the_pool_without_mixing) {
    buffer_pool pool({.buffer_size = 64, .count = 8});
    detail::received_queue left;
    detail::received_queue right;
    detail::lease_credit credit;
    arrive(pool, left, credit, "l1");
    arrive(pool, right, credit, "r1");
    arrive(pool, left, credit, "l2");
    arrive(pool, right, credit, "r2");
    EXPECT_EQ(pool.dequeue(left).text(), "l1");
    EXPECT_EQ(pool.dequeue(right).text(), "r1");
    EXPECT_EQ(pool.dequeue(left).text(), "l2");
    EXPECT_EQ(pool.dequeue(right).text(), "r2");
}

TEST(buffer_pool, credit_is_charged_on_arrival_and_freed_when_the_lease_ends) {
    buffer_pool pool({.buffer_size = 64, .count = 8});
    detail::received_queue queue;
    counting_credit credit;
    credit.limit = 2;
    arrive(pool, queue, credit, "a");
    EXPECT_FALSE(credit.exhausted());
    arrive(pool, queue, credit, "b");
    EXPECT_TRUE(credit.exhausted());

    lease held = pool.dequeue(queue);
    EXPECT_TRUE(credit.exhausted()) << "leased still counts";
    held.consume(held.size());
    EXPECT_TRUE(held.empty());
    EXPECT_TRUE(credit.exhausted()) << "an empty lease still holds its buffer";
    held.reset();
    EXPECT_FALSE(credit.exhausted());
    EXPECT_EQ(credit.times_returned, 1);
    held.reset();
    EXPECT_EQ(credit.times_returned, 1);

    pool.discard(queue);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(credit.held, 0);
    EXPECT_EQ(credit.times_returned, 2);
    EXPECT_EQ(pool.available(), 8);
}

TEST(buffer_pool, the_returned_callback_finds_the_buffer_available) {
    struct taking_credit : detail::lease_credit {
        buffer_pool* pool = nullptr;
        std::uint16_t taken = detail::no_buffer;
    } credit;
    buffer_pool pool({.buffer_size = 64, .count = 1});
    detail::received_queue queue;
    credit.pool = &pool;
    credit.returned = [](detail::lease_credit& self) noexcept {
        auto& parked = static_cast<taking_credit&>(self);
        parked.taken = parked.pool->take();
    };
    arrive(pool, queue, credit, "x");
    {
        const lease ends_here = pool.dequeue(queue);
    }
    EXPECT_NE(credit.taken, detail::no_buffer);
    pool.put(credit.taken);
}

TEST(buffer_pool, a_lent_buffer_is_whole_and_charges_nobody) {
    buffer_pool pool({.buffer_size = 64, .count = 2});
    detail::received_queue queue;
    counting_credit credit;
    arrive(pool, queue, credit, "x");
    pool.discard(queue);  // the next buffer is the one that was charged

    lease lent = pool.lend();
    EXPECT_EQ(lent.size(), 64U);
    std::memcpy(lent.writable().data(), "header", 6);
    lent.truncate(6);
    EXPECT_EQ(lent.text(), "header");
    lent.reset();
    EXPECT_EQ(credit.times_returned, 1);
    EXPECT_EQ(pool.available(), 2);
}

TEST(buffer_pool, dies_with_a_message_when_a_lease_outlives_it) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    const auto outlive = [] {
        lease survivor;
        buffer_pool pool({.buffer_size = 64, .count = 1});
        survivor = pool.lend();
    };
    EXPECT_DEATH(outlive(), "a lease outlived its loop");
}

// Puts `text` into a buffer that is filled in parts.
bool arrive_in_part(buffer_pool& pool, detail::received_queue& queue, detail::lease_credit& credit, std::uint16_t index,
                    std::size_t offset, std::string_view text) {
    std::memcpy(pool.data(index) + offset, text.data(), text.size());
    return pool.enqueue_part(queue, credit, index, static_cast<std::uint32_t>(text.size()));
}

TEST(buffer_parts, of_several_queues_share_a_buffer_until_the_last_has_ended) {
    buffer_pool pool({.buffer_size = 64, .count = 2});
    pool.allow_parts();
    detail::received_queue left;
    detail::received_queue right;
    counting_credit of_left;
    counting_credit of_right;
    const std::uint16_t index = pool.take();
    pool.open(index);
    EXPECT_TRUE(arrive_in_part(pool, left, of_left, index, 0, "one"));
    EXPECT_TRUE(arrive_in_part(pool, right, of_right, index, 3, "two"));
    EXPECT_TRUE(arrive_in_part(pool, left, of_left, index, 6, "three"));
    EXPECT_EQ(of_left.held, 2);
    EXPECT_EQ(of_right.held, 1);
    EXPECT_EQ(pool.statistics().parts, 3);
    lease first = pool.dequeue(left);
    EXPECT_EQ(first.text(), "one");
    first.reset();
    EXPECT_EQ(of_left.times_returned, 1);
    lease second = pool.dequeue(left);
    EXPECT_EQ(second.text(), "three");
    lease other = pool.dequeue(right);
    EXPECT_EQ(other.text(), "two");
    pool.close(index);
    EXPECT_EQ(pool.available(), 1) << "two leases are left";
    other.reset();
    EXPECT_EQ(pool.available(), 1) << "one is left";
    second.reset();
    EXPECT_EQ(pool.available(), 2);
    EXPECT_EQ(pool.statistics().parts, 0);
}

TEST(buffer_parts, a_buffer_that_is_still_filled_is_not_given_back) {
    buffer_pool pool({.buffer_size = 64, .count = 1});
    pool.allow_parts();
    detail::received_queue queue;
    detail::lease_credit credit;
    const std::uint16_t index = pool.take();
    pool.open(index);
    EXPECT_TRUE(arrive_in_part(pool, queue, credit, index, 0, "x"));
    pool.discard(queue);
    EXPECT_EQ(pool.available(), 0);
    pool.close(index);
    EXPECT_EQ(pool.available(), 1);
}

TEST(buffer_parts, that_follow_each_other_in_a_queue_are_one) {
    buffer_pool pool({.buffer_size = 64, .count = 1});
    pool.allow_parts();
    detail::received_queue queue;
    detail::lease_credit credit;
    const std::uint16_t index = pool.take();
    pool.open(index);
    EXPECT_TRUE(arrive_in_part(pool, queue, credit, index, 0, "one"));
    EXPECT_TRUE(arrive_in_part(pool, queue, credit, index, 3, "two"));
    EXPECT_EQ(credit.held, 1);
    lease all = pool.dequeue(queue);
    EXPECT_EQ(all.text(), "onetwo");
    EXPECT_TRUE(arrive_in_part(pool, queue, credit, index, 6, "three")) << "what is leased does not grow";
    EXPECT_EQ(all.text(), "onetwo");
    all.consume(3);
    pool.put_back(queue, std::move(all));
    EXPECT_EQ(pool.dequeue(queue).text(), "two");
    EXPECT_EQ(pool.dequeue(queue).text(), "three");
    pool.close(index);
}

TEST(buffer_parts, beyond_their_bound_are_refused_and_the_next_lies_where_it_should) {
    buffer_pool pool({.buffer_size = 64, .count = 1, .most_parts = 2});
    pool.allow_parts();
    detail::received_queue queues[4];
    detail::lease_credit credit;
    const std::uint16_t index = pool.take();
    pool.open(index);
    EXPECT_TRUE(arrive_in_part(pool, queues[0], credit, index, 0, "a"));
    EXPECT_TRUE(arrive_in_part(pool, queues[1], credit, index, 1, "b"));
    EXPECT_FALSE(arrive_in_part(pool, queues[2], credit, index, 2, "c"));
    EXPECT_TRUE(queues[2].empty());
    EXPECT_EQ(pool.statistics().parts_refused, 1U);
    pool.discard(queues[0]);
    EXPECT_TRUE(arrive_in_part(pool, queues[3], credit, index, 3, "d"));
    EXPECT_EQ(pool.dequeue(queues[3]).text(), "d");
    pool.discard(queues[1]);
    pool.close(index);
    EXPECT_EQ(credit.held, 0);
}

TEST(buffer_parts, are_as_many_as_their_numbers_allow) {
    constexpr std::size_t each = 64;
    buffer_pool pool({.buffer_size = each, .count = 32768});
    pool.allow_parts();
    std::vector<detail::received_queue> queues(32768);
    std::vector<std::uint16_t> buffers;
    detail::lease_credit credit;
    for (std::size_t i = 0; i < queues.size(); ++i) {
        if (i % each == 0) {
            buffers.push_back(pool.take());
            pool.open(buffers.back());
        }
        EXPECT_EQ(arrive_in_part(pool, queues[i], credit, buffers.back(), i % each, "x"), i < 32767);
    }
    for (auto& queue : queues) pool.discard(queue);
    for (const std::uint16_t index : buffers) pool.close(index);
    EXPECT_EQ(pool.available(), 32768);
    EXPECT_EQ(credit.held, 0);
}

TEST(lease, moves_without_returning_the_buffer) {
    buffer_pool pool({.buffer_size = 64, .count = 2});
    detail::received_queue queue;
    counting_credit credit;
    arrive(pool, queue, credit, "moved");
    lease first = pool.dequeue(queue);
    const std::byte* const place = first.data();
    lease second(std::move(first));
    EXPECT_EQ(second.data(), place);
    EXPECT_EQ(second.text(), "moved");
    first.reset();  // NOLINT(bugprone-use-after-move): a moved-from lease is an empty one
    EXPECT_EQ(credit.times_returned, 0);

    lease third = pool.lend();
    third = std::move(second);
    EXPECT_EQ(pool.available(), 1) << "what the target held before goes back at once";
    lease& itself = third;
    third = std::move(itself);
    EXPECT_EQ(third.text(), "moved");

    std::vector<lease> many;
    many.push_back(std::move(third));
    many.push_back(pool.lend());
    many.erase(many.begin());
    EXPECT_EQ(credit.times_returned, 1);
    EXPECT_EQ(pool.available(), 1);
}

TEST(lease, shrinks_from_both_ends) {
    buffer_pool pool({.buffer_size = 64, .count = 1});
    detail::received_queue queue;
    detail::lease_credit credit;
    arrive(pool, queue, credit, "0123456789");
    lease part = pool.dequeue(queue);
    part.consume(3);
    part.truncate(4);
    EXPECT_EQ(part.text(), "3456");
    EXPECT_EQ(part.bytes().size(), 4U);
    EXPECT_TRUE(part);
    part.consume(4);
    EXPECT_FALSE(part);
    EXPECT_TRUE(lease().empty());
}

TEST(io_slice, views_text_and_bytes) {
    const std::string_view text = "abc";
    const io_slice of_text(text);
    EXPECT_EQ(of_text.data, text.data());
    EXPECT_EQ(of_text.size, 3U);
    const io_slice of_bytes(std::as_bytes(std::span(text)));
    EXPECT_EQ(of_bytes.data, text.data());
    EXPECT_EQ(io_slice().size, 0U);
}

}  // namespace
}  // namespace penstock
