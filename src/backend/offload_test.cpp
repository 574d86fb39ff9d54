#include "backend/offload.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

/// Somebody to wake who never sleeps.
class awake final : public backend {
  public:
    std::string_view name() const noexcept override { return "awake"; }
    const capability_table& capabilities() const noexcept override { return table; }
    submitted submit(operation&) noexcept override { return submitted::busy; }
    void flush() noexcept override {}
    void wait(time_point, time_point, completions&) noexcept override {}
    void cancel(operation&, completions&) noexcept override {}
    void wake() noexcept override {}
    backend_statistics statistics() const noexcept override { return {}; }
    capability_table table;
};

/// A job that keeps the only worker until it is let go.
struct obstacle : job {
    obstacle() {
        name = "obstacle";
        run = [](job& self) noexcept { static_cast<obstacle&>(self).gone.wait(false); };
    }
    std::atomic<bool> gone{false};
};

/// Ends with -EBADF, which shows that the plain call was made.
struct vain_sync : sync_op {
    vain_sync() noexcept : sync_op({-1}, false) {}
};

class offload_test : public ::testing::Test {
  protected:
    void finish(operation& op) {
        while (!op.final) {
            target.collect(out);
            std::this_thread::yield();
        }
        while (ready_item* const item = out.ready().pop()) static_cast<operation*>(item)->ready = false;
    }

    void let_go() {
        blocking.gone.store(true);
        blocking.gone.notify_all();
    }

    buffer_pool buffers{{.count = 8}};
    obstacle blocking;
    awake owner;
    completions out;
    worker_pool workers{1, 2};
    offload target{workers, buffers, owner, 2};
};

TEST_F(offload_test, what_is_taken_over_waits_for_space_and_is_done_in_its_turn) {
    ASSERT_TRUE(workers.submit(blocking));
    std::vector<vain_sync> ops(5);
    for (vain_sync& op : ops) target.take_over(op);
    EXPECT_EQ(target.under_way(), 5U);
    vain_sync refused;
    EXPECT_EQ(target.submit(refused), submitted::busy);
    let_go();
    for (vain_sync& op : ops) {
        finish(op);
        EXPECT_EQ(op.result, -EBADF);
    }
    EXPECT_EQ(target.under_way(), 0U);
}

TEST_F(offload_test, what_was_taken_over_and_waits_can_be_cancelled) {
    ASSERT_TRUE(workers.submit(blocking));
    std::vector<vain_sync> ops(4);
    for (vain_sync& op : ops) target.take_over(op);
    EXPECT_TRUE(target.owns(ops[3]));
    EXPECT_TRUE(target.cancel(ops[3], out));
    EXPECT_EQ(ops[3].result, -ECANCELED);
    EXPECT_EQ(target.under_way(), 3U);
    let_go();
    for (int i = 0; i < 3; ++i) {
        finish(ops[static_cast<std::size_t>(i)]);
        EXPECT_EQ(ops[static_cast<std::size_t>(i)].result, -EBADF);
    }
}

}  // namespace
}  // namespace penstock::detail
