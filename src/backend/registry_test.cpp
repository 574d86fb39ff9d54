// What every mechanism of readiness must do that the loop does not see: a wait is ended by what somebody waits for.
#include "backend/registry.hpp"

#include "backend/readiness/readiness_fixture.hpp"

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

INSTANTIATE_TEST_SUITE_P(all, by_readiness, ::testing::ValuesIn(every_mechanism_of_readiness()), [](const auto& of) {
    std::string name = of.param;
    for (char& c : name) c = c == ':' ? '_' : c;
    return name;
});

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
        if (n < 0) turn(1s);
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

}  // namespace
}  // namespace penstock::detail
