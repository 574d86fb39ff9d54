#include <penstock/detail/intrusive_list.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace penstock::detail {
namespace {

struct element : list_hook {
    explicit element(int v) noexcept : value(v) {}
    int value;
    element* next = nullptr;  // for queue
};

std::vector<int> drained(list<element>& from) {
    std::vector<int> values;
    while (element* e = from.pop_front()) values.push_back(e->value);
    return values;
}

std::vector<int> drained(queue<element>& from) {
    std::vector<int> values;
    while (element* e = from.pop()) values.push_back(e->value);
    return values;
}

using values = std::vector<int>;

TEST(intrusive_list, is_a_fifo) {
    element a(1);
    element b(2);
    element c(3);
    list<element> all;
    EXPECT_TRUE(all.empty());
    EXPECT_EQ(all.front(), nullptr);
    EXPECT_EQ(all.pop_front(), nullptr);
    for (element* e : {&a, &b, &c}) all.push_back(*e);
    EXPECT_EQ(all.front(), &a);
    EXPECT_TRUE(b.linked());
    EXPECT_EQ(drained(all), (values{1, 2, 3}));
    EXPECT_TRUE(all.empty());
    EXPECT_FALSE(b.linked());
}

TEST(intrusive_list, unlinks_from_anywhere_and_twice) {
    element a(1);
    element b(2);
    element c(3);
    list<element> all;
    for (element* e : {&a, &b, &c}) all.push_back(*e);
    b.unlink();
    b.unlink();
    EXPECT_FALSE(b.linked());
    a.unlink();
    c.unlink();
    EXPECT_TRUE(all.empty());
    all.push_back(c);
    all.push_back(a);
    EXPECT_EQ(drained(all), (values{3, 1}));
}

TEST(intrusive_list, can_be_walked_while_it_loses_elements) {
    element elements[] = {element(1), element(2), element(3), element(4)};
    list<element> all;
    for (element& e : elements) all.push_back(e);
    for (element* e = all.front(); e != nullptr;) {
        element* const following = all.next(*e);
        if (e->value % 2 == 0) e->unlink();
        e = following;
    }
    EXPECT_EQ(drained(all), (values{1, 3}));
}

TEST(intrusive_list, takes_all_of_another_in_order) {
    element elements[] = {element(1), element(2), element(3), element(4)};
    list<element> first;
    list<element> second;
    first.take_all(second);
    EXPECT_TRUE(first.empty());

    second.push_back(elements[0]);
    second.push_back(elements[1]);
    first.take_all(second);  // into an empty one
    EXPECT_TRUE(second.empty());
    second.push_back(elements[2]);
    second.push_back(elements[3]);
    first.take_all(second);  // onto one with elements
    first.take_all(second);  // nothing
    EXPECT_TRUE(second.empty());
    elements[1].unlink();
    EXPECT_EQ(drained(first), (values{1, 3, 4}));
}

TEST(intrusive_queue, is_a_fifo_that_can_be_emptied_and_refilled) {
    element a(1);
    element b(2);
    element c(3);
    queue<element> all;
    EXPECT_TRUE(all.empty());
    EXPECT_EQ(all.pop(), nullptr);
    all.push(a);
    all.push(b);
    EXPECT_EQ(all.pop(), &a);
    all.push(a);
    EXPECT_EQ(drained(all), (values{2, 1}));
    all.push(c);
    EXPECT_EQ(all.front(), &c);
    EXPECT_EQ(drained(all), (values{3}));
}

TEST(intrusive_queue, what_is_pushed_after_take_is_not_taken) {
    element a(1);
    element b(2);
    queue<element> all;
    all.push(a);
    queue<element> taken = all.take();
    all.push(b);
    EXPECT_EQ(drained(taken), (values{1}));
    EXPECT_EQ(drained(all), (values{2}));
}

}  // namespace
}  // namespace penstock::detail
