// The adaptor alone, under a mechanism whose batch and whose events come in any order that a test wants.
#include "backend/readiness/make_mechanism.hpp"
#include "base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <optional>
#include <vector>

namespace penstock::detail {
namespace {

/// Attempts join a batch and end when the test says so, as with native AIO; interest is edge-triggered, as with epoll.
class batching : public readiness_backend {
  public:
    batching(const backend_environment& environment, waker wake) : readiness_backend(environment, std::move(wake)) {}

    std::string_view name() const noexcept override { return "batching"; }

    std::vector<operation*> attempts;
    int watches = 0;

    void becomes_ready(std::int32_t fd, readiness what) { on_ready(fd, 0, what); }
    void ends(operation& op, std::int32_t outcome) { settle(op, outcome); }

  protected:
    std::int32_t watch(std::int32_t, descriptor_state&, direction) noexcept override {
        ++watches;
        return 0;
    }
    void unwatch(std::int32_t, descriptor_state&) noexcept override {}
    void collect(time_point, time_point) noexcept override {}
    std::optional<std::int32_t> attempt(operation& op, descriptor_state&) noexcept override {
        attempts.push_back(&op);
        return std::nullopt;
    }
};

class readiness_test : public ::testing::Test {
  protected:
    void SetUp() override { target.wait(time_point::min(), time_point::min(), out); }  // it learns of `out`

    static constexpr handle stream{7};
    buffer_pool pool{{.buffer_size = 4096, .count = 8}};
    worker_pool workers{1, 4};
    backend_options options;
    completions out;
    whole<batching> target{{.options = options, .buffers = pool, .workers = workers}, waker::create().value()};
};

TEST_F(readiness_test, an_edge_during_a_vain_send_is_not_lost) {
    const io_slice slice("hello");
    send_op send(stream, &slice, 1);
    ASSERT_EQ(target.submit(send), submitted::queued);
    ASSERT_EQ(target.attempts.size(), 1U);
    target.becomes_ready(stream.id, {.writable = true});  // the socket was full, and is not any more
    target.ends(send, -EAGAIN);                           // what the attempt had found before that
    EXPECT_EQ(target.attempts.size(), 2U) << "no other edge will come";
    target.ends(send, 0);
    EXPECT_TRUE(send.final);
    EXPECT_EQ(send.result, 0);
}

TEST_F(readiness_test, an_edge_during_a_vain_receive_is_not_lost) {
    receive_op receive(stream);
    ASSERT_EQ(target.submit(receive), submitted::queued);
    EXPECT_EQ(target.watches, 1);  // a vain receive costs more than to wait
    target.becomes_ready(stream.id, {.readable = true});
    ASSERT_EQ(target.attempts.size(), 1U);
    target.becomes_ready(stream.id, {.readable = true});
    target.ends(receive, -EAGAIN);
    EXPECT_EQ(target.attempts.size(), 2U);
    target.ends(receive, -EAGAIN);
    EXPECT_EQ(target.attempts.size(), 2U) << "nothing has come since";
    EXPECT_EQ(target.watches, 2);
    target.becomes_ready(stream.id, {.readable = true});
    target.ends(receive, 1);
    EXPECT_TRUE(receive.final);
}

TEST_F(readiness_test, an_edge_during_a_receive_that_took_all_there_was_starts_the_next_one) {
    receive_op first(stream);
    ASSERT_EQ(target.submit(first), submitted::queued);
    target.becomes_ready(stream.id, {.readable = true});
    target.becomes_ready(stream.id, {.readable = true});
    target.ends(first, 5);
    ASSERT_TRUE(first.final);
    receive_op second(stream);
    ASSERT_EQ(target.submit(second), submitted::queued);
    EXPECT_EQ(target.attempts.size(), 2U);
    target.ends(second, 5);
    EXPECT_TRUE(second.final);
}

TEST_F(readiness_test, one_that_was_cancelled_in_its_batch_does_not_try_again) {
    const io_slice slice("hello");
    send_op send(stream, &slice, 1);
    ASSERT_EQ(target.submit(send), submitted::queued);
    target.cancel(send, out);
    target.becomes_ready(stream.id, {.writable = true});
    target.ends(send, -EAGAIN);
    EXPECT_TRUE(send.final);
    EXPECT_EQ(send.result, -ECANCELED);
    EXPECT_EQ(target.attempts.size(), 1U);
}

}  // namespace
}  // namespace penstock::detail
