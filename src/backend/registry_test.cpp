// What every mechanism of readiness must do that the loop does not see: a wait is ended by what somebody waits for.
#include "backend/registry.hpp"

#include "backend/readiness/readiness_fixture.hpp"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

namespace penstock::detail {
namespace {

class by_readiness : public mechanism_fixture, public ::testing::WithParamInterface<std::string> {
  protected:
    by_readiness() : mechanism_fixture(nullptr) {}
    std::expected<std::unique_ptr<backend>, setup_error> create() override {
        auto chosen = choose_backend(GetParam(), options, pool, workers);
        if (!chosen) return std::unexpected(std::move(chosen.error()));
        return std::move(chosen->backend);
    }
};

std::vector<std::string> every_mechanism_of_readiness() {
    std::vector<std::string> names;
    for (const mechanism& m : mechanisms()) {
        if (!m.by_readiness) continue;
        names.emplace_back(m.name);
        if (!m.triggers) continue;
        for (const char* const trigger : {":level", ":oneshot"}) names.push_back(std::string(m.name) + trigger);
    }
    return names;
}

std::string test_name(const ::testing::TestParamInfo<std::string>& of) {
    std::string name = of.param;
    for (char& c : name) c = c == ':' ? '_' : c;
    return name;
}

INSTANTIATE_TEST_SUITE_P(all, by_readiness, ::testing::ValuesIn(every_mechanism_of_readiness()), test_name);

TEST_P(by_readiness, a_hang_up_that_nobody_wants_does_not_end_a_wait) {
    socket_pair pair = connected_unix();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    cancel(receive);
    pair.near = {};
    EXPECT_LT(waits_within(50ms), 5);
    EXPECT_EQ(perform(receive), 0);
    EXPECT_LT(waits_within(50ms), 5);
    close(pair.far);
}

TEST_P(by_readiness, what_is_ready_ends_no_wait_before_somebody_asks_for_it) {
    socket_pair pair = connected_unix();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "one");
    EXPECT_EQ(received(receive), "one");
    put(pair.near, "two");
    EXPECT_LT(waits_within(50ms), 5);
    EXPECT_EQ(receive_with(receive), "two");
    close(pair.far);
}

TEST_P(by_readiness, both_directions_are_told_apart) {
    socket_pair pair = connected_unix();
    const std::string much(4 << 20, 'x');
    const io_slice slice(much);
    send_op send({pair.far.get()}, &slice, 1);
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    ASSERT_EQ(submit(send), submitted::queued);
    put(pair.near, "to read");
    EXPECT_EQ(received(receive), "to read");
    EXPECT_FALSE(send.final);
    std::vector<char> sink(1 << 20);
    for (std::size_t got = 0; got < much.size();) {
        const auto n = ::recv(pair.near.get(), sink.data(), sink.size(), MSG_DONTWAIT);
        if (n > 0) got += static_cast<std::size_t>(n);
        if (n < 0) turn(1ms);  // one that nobody is told of goes on sleeping
    }
    EXPECT_EQ(finish(send), 0);
    close(pair.far);
}

TEST_P(by_readiness, urgent_data_does_not_keep_the_loop_busy) {
    socket_pair pair = connected_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "!", MSG_OOB);
    EXPECT_LT(waits_within(50ms), 5);
    put(pair.near, "plain");
    EXPECT_EQ(received(receive), "plain");
    close(pair.far);
}

// With TCP a short receive says that nothing is left, unless the end is ahead.
TEST_P(by_readiness, the_end_behind_bytes_that_nobody_has_read_is_found) {
    socket_pair pair = accepted_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    put(pair.near, "first");
    EXPECT_EQ(received(receive), "first");
    put(pair.near, "second");
    pair.near = {};
    for (int i = 0; i < 3; ++i) turn(20ms);  // what is told is heard, and nobody reads
    EXPECT_EQ(receive_with(receive), "second");
    EXPECT_EQ(perform(receive), 0);
    close(pair.far);
}

TEST_P(by_readiness, the_end_that_came_before_the_connection_was_accepted_is_found) {
    unique_fd door = listening_tcp();
    adopt_op adopted(door.get(), true);
    ASSERT_GE(perform(adopted), 0);
    {
        const unique_fd near = connected_to(door);
        put(near, "all there is");
    }
    accept_op accept({door.get()}, 1);
    ASSERT_GT(perform(accept), 0);
    unique_fd far(accept.accepted.pop().id);
    receive_op receive({far.get()});
    EXPECT_EQ(receive_with(receive), "all there is");
    EXPECT_EQ(perform(receive), 0);
    close(far);
    close(door);
}

TEST_P(by_readiness, a_receive_ends_when_its_side_is_shut_down_from_here) {
    socket_pair pair = accepted_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    turn(0s);
    shutdown_op shut({pair.far.get()}, shutdown_side::receive);
    ASSERT_EQ(submit(shut), submitted::completed);
    EXPECT_EQ(finish(receive), 0);
    close(pair.far);
}

TEST_P(by_readiness, each_waiter_is_told_of_its_own_however_they_come_and_go) {
    constexpr std::size_t count = 40;
    std::vector<socket_pair> pairs;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(connected_unix());
        receives.push_back(std::make_unique<receive_op>(handle{pairs[i].far.get()}));
        ASSERT_EQ(submit(*receives[i]), submitted::queued);
    }
    for (std::size_t i = 0; i < count; i += 3) {
        cancel(*receives[i]);
        close(pairs[i].far);
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 != 0 && i % 2 == 0) put(pairs[i].near, std::to_string(i));
    }
    turn(0s);
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 == 0) continue;
        EXPECT_EQ(receives[i]->final, i % 2 == 0) << i;
        if (!receives[i]->final) put(pairs[i].near, std::to_string(i));
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (i % 3 == 0) continue;
        EXPECT_EQ(received(*receives[i]), std::to_string(i));
        close(pairs[i].far);
    }
}

TEST_P(by_readiness, a_limit_that_was_lowered_below_what_is_open_leaves_all_watched) {
    constexpr std::size_t count = 30;
    std::vector<socket_pair> pairs;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (std::size_t i = 0; i < count; ++i) {
        pairs.push_back(connected_unix());
        receives.push_back(std::make_unique<receive_op>(handle{pairs[i].far.get()}));
        ASSERT_EQ(submit(*receives[i]), submitted::queued);
    }
    const lowered_limit few(RLIMIT_NOFILE, 8);
    EXPECT_LT(waits_within(50ms), 100);
    for (std::size_t i = 0; i < count; ++i) put(pairs[i].near, "x");
    for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(received(*receives[i]), "x");
    target->wake();
    turn(5s);
    for (socket_pair& pair : pairs) close(pair.far);
}

// --- Sends without copying

class lending_by_readiness : public by_readiness {
  protected:
    lending_by_readiness() { options.zero_copy_from = 4096; }

    void SetUp() override {
        by_readiness::SetUp();
        constexpr int on = 1;
        const unique_fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        const bool can = ::setsockopt(probe.get(), SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on) == 0;
        const std::vector<feature_report> features = target->features();
        ASSERT_EQ(features.size(), 1U);
        ASSERT_EQ(features.front().on, can) << features.front().detail;
        if (!can) GTEST_SKIP() << features.front().detail;
    }

    std::uint64_t lent() const { return target->statistics().zero_copy_sends; }
    std::string much = std::string(std::size_t{256} << 10, 'x');
};

INSTANTIATE_TEST_SUITE_P(all, lending_by_readiness, ::testing::ValuesIn(every_mechanism_of_readiness()), test_name);

TEST_P(lending_by_readiness, a_send_ends_with_what_the_error_queue_says) {
    socket_pair pair = accepted_tcp();
    EXPECT_EQ(send({pair.far.get()}, std::string_view(much).substr(0, 8192)), 0);
    EXPECT_EQ(lent(), 1U);
    EXPECT_EQ(send({pair.far.get()}, std::string_view(much).substr(0, 4095)), 0);
    EXPECT_EQ(lent(), 1U);
    EXPECT_LT(waits_within(50ms), 5);
    close(pair.far);
}

// Its end would wait for what the kernel holds back.
TEST_P(lending_by_readiness, a_send_that_more_follows_is_copied) {
    socket_pair pair = accepted_tcp();
    const io_slice slice(std::string_view(much).substr(0, 8192));
    send_op head({pair.far.get()}, &slice, 1);
    head.more_follows = true;
    EXPECT_EQ(perform(head), 0);
    EXPECT_EQ(lent(), 0U);
    close(pair.far);
}

TEST_P(lending_by_readiness, what_the_error_queue_says_is_no_input_and_no_end) {
    socket_pair pair = accepted_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    for (int i = 0; i < 5; ++i) EXPECT_EQ(send({pair.far.get()}, std::string_view(much).substr(0, 8192)), 0);
    EXPECT_FALSE(receive.final);
    EXPECT_EQ(lent(), 5U);
    EXPECT_LT(waits_within(50ms), 5);
    put(pair.near, "input");
    EXPECT_EQ(received(receive), "input");
    EXPECT_LT(waits_within(50ms), 5);
    close(pair.far);
}

// Unread input is told for as long as it lasts, and must not keep a loop busy that waits for an error queue.
TEST_P(lending_by_readiness, a_send_waits_beside_unread_input_and_for_a_peer_that_does_not_read) {
    socket_pair pair = accepted_tcp();
    put(pair.near, "unread");
    much.resize(std::size_t{1} << 20);
    const io_slice slice(much);
    send_op send({pair.far.get()}, &slice, 1);
    ASSERT_EQ(submit(send), submitted::queued);
    EXPECT_LT(waits_within(50ms), 10);
    EXPECT_FALSE(send.final);
    cancel(send);
    EXPECT_EQ(finish(send), -ECANCELED);
    EXPECT_GE(lent(), 1U);
    close(pair.far);
}

TEST_P(lending_by_readiness, the_end_of_a_socket_is_told_beside_what_its_error_queue_says) {
    socket_pair pair = accepted_tcp();
    receive_op receive({pair.far.get()});
    ASSERT_EQ(submit(receive), submitted::queued);
    const io_slice slice(much);
    send_op send({pair.far.get()}, &slice, 1);
    ASSERT_EQ(submit(send), submitted::queued);
    const ::linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(pair.near.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    pair.near = {};
    EXPECT_EQ(finish(receive), -ECONNRESET);
    finish(send);  // the kernel had taken it: that is what a send says
    EXPECT_EQ(lent(), 1U);
    close(pair.far);
}

/// While it lives, this thread may not have the kernel keep memory in place.
class no_pinned_memory {
  public:
    no_pinned_memory() {
        ::getrlimit(RLIMIT_MEMLOCK, &limit_);
        const ::rlimit none{.rlim_cur = 0, .rlim_max = limit_.rlim_max};
        ::setrlimit(RLIMIT_MEMLOCK, &none);
        ::syscall(SYS_capget, &header_, rights_.data());
        auto fewer = rights_;
        fewer[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
        ::syscall(SYS_capset, &header_, fewer.data());
    }
    ~no_pinned_memory() {
        ::syscall(SYS_capset, &header_, rights_.data());
        ::setrlimit(RLIMIT_MEMLOCK, &limit_);
    }
    no_pinned_memory(const no_pinned_memory&) = delete;
    no_pinned_memory& operator=(const no_pinned_memory&) = delete;

  private:
    ::rlimit limit_{};
    ::__user_cap_header_struct header_{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<::__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> rights_{};
};

TEST_P(lending_by_readiness, it_is_copied_where_no_memory_may_be_kept_in_place) {
    const no_pinned_memory limit;
    socket_pair pair = accepted_tcp();
    EXPECT_EQ(send({pair.far.get()}, std::string_view(much).substr(0, 8192)), 0);
    EXPECT_EQ(lent(), 0U);
    close(pair.far);
}

}  // namespace
}  // namespace penstock::detail
