// What the tests of this folder share: a file path driven as the adaptor would drive it.
#pragma once

#include "backend/files/file_path.hpp"
#include "backend/waker.hpp"
#include "base/unique_fd.hpp"
#include "base/worker_pool.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::detail {

/// The least that a file path needs of its backend: somebody to wake.
class woken final : public backend {
  public:
    std::string_view name() const noexcept override { return "woken"; }
    const capability_table& capabilities() const noexcept override { return table; }
    submitted submit(operation&) noexcept override { return submitted::busy; }
    void flush() noexcept override {}
    void wait(time_point, time_point, completions&) noexcept override {}
    void cancel(operation&, completions&) noexcept override {}
    void wake() noexcept override {
        calls.fetch_add(1, std::memory_order_relaxed);
        bell.wake();
    }
    backend_statistics statistics() const noexcept override { return {}; }

    /// Sleeps until somebody rings; a lost wake-up fails the test instead of hanging it.
    void sleep() {
        ::pollfd waiting{.fd = bell.fd(), .events = POLLIN, .revents = 0};
        ASSERT_EQ(::poll(&waiting, 1, 20'000), 1) << "nothing wakes the loop";
        bell.clear();
    }

    capability_table table;
    waker bell = waker::create().value();
    std::atomic<int> calls{0};
};

class file_path_test : public ::testing::Test {
  protected:
    /// Makes the path anew. \param announce whether it may ring the bell by itself
    void create(file_engine engine, std::uint32_t most = 64, bool announce = true) {
        path.reset();
        auto made = make_file_path(engine, {.owner = owner,
                                            .pool = pool,
                                            .wake_descriptor = announce ? owner.bell.fd() : -1,
                                            .most = most,
                                            .aio_slots = 1024});
        ASSERT_TRUE(made.has_value()) << made.error().message;
        path = std::move(*made);
    }

    std::optional<submitted> submit(operation& op) {
        op.final = false;
        op.cancel_requested = false;
        return path->submit(op);
    }

    /// What has ended, without waiting.
    void collect() { collect(*path); }
    void collect(file_path& from) {
        from.collect(out);
        pool.collect(out);
        while (ready_item* const item = out.ready().pop()) static_cast<operation*>(item)->ready = false;
    }

    std::int32_t finish(operation& op) {
        path->flush();
        for (collect(); !op.final && !HasFatalFailure(); collect()) {
            owner.sleep();
            path->flush();
        }
        return op.result;
    }

    std::int32_t perform(operation& op) {
        const auto answer = submit(op);
        EXPECT_TRUE(answer == submitted::queued) << to_string(op.kind) << " was not taken";
        return answer == submitted::queued ? finish(op) : -ENOSYS;
    }

    handle open(int flags) {
        kept.emplace_back(::open(name.path.c_str(), flags | O_CLOEXEC));
        return {kept.back().get()};
    }

    /// A file in the working directory (which is not in memory, as a temporary one may be), gone at the end.
    struct file_name {
        file_name() { EXPECT_TRUE(unique_fd(::mkostemp(path.data(), O_CLOEXEC))); }
        ~file_name() { ::unlink(path.c_str()); }
        file_name(const file_name&) = delete;
        file_name& operator=(const file_name&) = delete;
        std::string path = "penstock_file_path_test_XXXXXX";
    };

    file_name name;
    std::vector<unique_fd> kept;
    buffer_pool buffers{{.buffer_size = 4096, .count = 8}};
    worker_pool workers{2, 64};
    woken owner;
    offload pool{workers, buffers, owner, 64};
    completions out;
    std::unique_ptr<file_path> path;
};

}  // namespace penstock::detail
