// How epoll is told what to watch: by edges, by level, once at a time, and so that few wake.
#include "backend/epoll/epoll.hpp"

#include "backend/readiness/readiness_fixture.hpp"

#include <atomic>
#include <future>
#include <numeric>
#include <set>
#include <string>
#include <thread>

namespace penstock::detail {
namespace {

class epoll_test : public mechanism_fixture, public ::testing::WithParamInterface<epoll_trigger> {
  protected:
    epoll_test() : mechanism_fixture(create_epoll) { options.trigger = GetParam(); }
    bool by_edges() const { return GetParam() == epoll_trigger::edge; }
    bool is_one_shot() const { return GetParam() == epoll_trigger::one_shot; }
    std::uint64_t registrations() const { return target->statistics().registrations; }
};

std::string name_of(epoll_trigger trigger) {
    switch (trigger) {
        case epoll_trigger::edge: return "edge";
        case epoll_trigger::level: return "level";
        case epoll_trigger::one_shot: return "one_shot";
    }
    return {};
}

INSTANTIATE_TEST_SUITE_P(by, epoll_test,
                         ::testing::Values(epoll_trigger::edge, epoll_trigger::level, epoll_trigger::one_shot),
                         [](const auto& of) { return name_of(of.param); });

// The registration belongs to what is behind the descriptor, and lives on with it.
TEST_P(epoll_test, a_closed_descriptor_of_which_there_is_a_copy_is_not_told_of) {
    socket_pair pair = connected_unix();
    socket_pair next = connected_unix();
    const int number = pair.far.get();
    receive_op receive({number});
    ASSERT_EQ(submit(receive), submitted::queued);
    cancel(receive);
    const unique_fd copy(::fcntl(number, F_DUPFD_CLOEXEC, 0));  // as a child would hold it
    close(pair.far);
    put(pair.near, "for the copy");
    EXPECT_LT(waits_within(50ms), 5);

    // Nor is the next owner of the number told what is meant for the one before.
    const unique_fd renumbered(::dup2(next.far.get(), number));
    receive_op other({number});
    ASSERT_EQ(submit(other), submitted::queued);
    put(pair.near, "again for the copy");
    turn(10ms);
    EXPECT_FALSE(other.final);
    put(next.near, "for the new one");
    EXPECT_EQ(received(other), "for the new one");
    close_op done({number}, true);
    EXPECT_EQ(submit(done), submitted::completed);
}

TEST_P(epoll_test, receiving_again_and_again_costs_what_the_trigger_costs) {
    socket_pair pair = connected_tcp();
    receive_op receive({pair.far.get()});
    constexpr int count = 10;
    for (int i = 0; i < count; ++i) {
        ASSERT_NE(submit(receive), submitted::busy);
        if (!receive.final) turn(0s);  // or the data would be there before the interest
        put(pair.near, "x");
        EXPECT_EQ(received(receive), "x");
    }
    EXPECT_EQ(registrations(), is_one_shot() ? count : 1);
    close(pair.far);
}

// Two adopted copies of one description are two registrations.
TEST_P(epoll_test, copies_are_watched_beside_each_other) {
    socket_pair pair = connected_unix();
    unique_fd copy(::fcntl(pair.far.get(), F_DUPFD_CLOEXEC, 0));
    receive_op one({pair.far.get()});
    receive_op other({copy.get()});
    ASSERT_EQ(submit(one), submitted::queued);
    ASSERT_EQ(submit(other), submitted::queued);
    put(pair.near, "1");
    while (!one.final && !other.final) turn(1s);
    EXPECT_NE(one.final, other.final);
    put(pair.near, "2");
    std::set<std::string> texts{received(one), received(other)};
    EXPECT_EQ(texts, (std::set<std::string>{"1", "2"}));
    close(pair.far);
    close(copy);
}

// --- Accepting from one socket by several loops -----------------------------------------------------------------

/// Accepts from a copy of the socket, on a backend of its own, until that is shut down. \return how often its thread
/// slept and was woken.
long accept_until_shut_down(const unique_fd& door, const backend_options& options, std::atomic<int>& accepted) {
    buffer_pool pool({.buffer_size = 4096, .count = 8});
    worker_pool workers(1, 4);
    const auto target = create_epoll({.options = options, .buffers = pool, .workers = workers}).value();
    unique_fd copy(::fcntl(door.get(), F_DUPFD_CLOEXEC, 0));
    accept_op accept({copy.get()}, 4);
    completions out;
    do {
        accept.final = false;
        const bool waits = target->submit(accept) == submitted::queued;
        while (waits && !accept.final) target->wait(time_point::min(), never, out);
        while (ready_item* const item = out.ready().pop()) static_cast<operation*>(item)->ready = false;
        for (; !accept.accepted.empty(); ++accepted) ::close(accept.accepted.pop().id);
    } while (accept.result >= 0);
    close_op close({copy.release()});
    target->submit(close);
    ::rusage used{};
    ::getrusage(RUSAGE_THREAD, &used);
    return used.ru_nvcsw;
}

/// Newcomers one after the other, and then many at once. \return how often the loops were woken, in all.
long wakes_of_newcomers(backend_options options, bool exclusive) {
    constexpr int one_by_one = 60;
    constexpr int at_once = 100;
    options.exclusive_accept = exclusive;
    const unique_fd door = listening_tcp();
    std::atomic<int> accepted = 0;
    std::vector<std::future<long>> loops;
    for (int i = 0; i < 4; ++i) {
        loops.push_back(
            std::async(std::launch::async, [&] { return accept_until_shut_down(door, options, accepted); }));
    }
    const auto wait_for = [&](int count) {
        const time_point limit = clock::now() + 20s;
        while (accepted < count && clock::now() < limit) std::this_thread::sleep_for(100us);
        EXPECT_EQ(accepted, count) << "connections are stranded";
    };
    for (int i = 0; i < one_by_one; ++i) {
        std::this_thread::sleep_for(2ms);  // until all sleep again
        const unique_fd newcomer = connected_to(door);
        wait_for(i + 1);
    }
    std::vector<unique_fd> burst;
    for (int i = 0; i < at_once; ++i) burst.push_back(connected_to(door));
    wait_for(one_by_one + at_once);
    ::shutdown(door.get(), SHUT_RDWR);
    return std::accumulate(loops.begin(), loops.end(), 0L, [](long sum, auto& each) { return sum + each.get(); });
}

TEST_P(epoll_test, exclusively_few_loops_wake_for_each_newcomer_and_otherwise_all) {
    const long all = wakes_of_newcomers(options, false);
    const long few = wakes_of_newcomers(options, true);
    EXPECT_LT(few * 10, all * 7) << "of four loops";
    RecordProperty("wakes", std::to_string(all));
    RecordProperty("wakes_exclusive", std::to_string(few));
}

TEST_P(epoll_test, a_loop_that_accepts_no_more_is_not_told_of_newcomers) {
    options.exclusive_accept = true;
    SetUp();
    unique_fd door = listening_tcp();
    accept_op accept({door.get()}, 4);
    ASSERT_EQ(submit(accept), submitted::queued);
    const unique_fd first = connected_to(door);
    EXPECT_EQ(finish(accept), 1);
    ::close(accept.accepted.pop().id);
    const unique_fd second = connected_to(door);  // this loop says no more that it accepts
    EXPECT_LT(waits_within(50ms), 5);
    EXPECT_EQ(perform(accept), 1);
    ::close(accept.accepted.pop().id);
    close(door);
}

}  // namespace
}  // namespace penstock::detail
