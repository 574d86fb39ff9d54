// What the tests of backends share: one that is driven as the loop would drive it.
#pragma once

#include "backend/backend.hpp"
#include "base/sigpipe.hpp"
#include "base/worker_pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace penstock::detail {

using namespace std::chrono_literals;

/// A backend, driven as the loop would drive it; derived classes make it.
class driven_backend : public ::testing::Test {
  protected:
    explicit driven_backend(buffer_pool_options buffers = {.buffer_size = 4096, .count = 512}, unsigned threads = 2,
                            std::size_t jobs = 64)
        : pool(buffers), workers(threads, jobs) {}

    /// What a backend is made with, as the options are now.
    backend_environment environment() { return {.options = options, .buffers = pool, .workers = workers}; }

    submitted submit(operation& op) { return submit(op, *target); }
    static submitted submit(operation& op, backend& by) {
        op.final = false;
        op.cancel_requested = false;
        op.state = op_state::submitted;
        return by.submit(op);
    }

    /// One turn: waits at most `limit` and drops what is ready, which tests look at through the operations.
    void turn(duration limit = 10s) { turn(limit, *target); }
    void turn(duration limit, backend& by) {
        const time_point now = clock::now();
        by.wait(now, limit == duration::max() ? never : now + limit, out);
        drop_ready();
    }

    /// Turns until the operation's final completion.
    std::int32_t finish(operation& op) {
        const time_point limit = clock::now() + 20s;
        while (!op.final && clock::now() < limit) turn(1s);
        EXPECT_TRUE(op.final) << to_string(op.kind) << " does not end";
        return op.result;
    }

    std::int32_t perform(operation& op) {
        const submitted answer = submit(op);
        EXPECT_NE(answer, submitted::busy);
        return answer == submitted::completed ? op.result : finish(op);
    }

    void cancel(operation& op) {
        target->cancel(op, out);
        drop_ready();
    }

    /// Performs a receive or read and takes out what came; an error as its text.
    std::string receive_with(receive_op& op) {
        const std::int32_t r = perform(op);
        return r < 0 ? std::strerror(-r) : taken(op);
    }

    std::string taken(receive_op& op) {
        std::string text;
        while (!op.received.empty()) text += pool.dequeue(op.received).text();
        return text;
    }

    std::int32_t send(handle to, std::string_view text) {
        const io_slice slice(text);
        send_op op(to, &slice, 1);
        return perform(op);
    }

    void drop_ready() {
        while (ready_item* const item = out.ready().pop()) static_cast<operation*>(item)->ready = false;
    }

    sigpipe_block no_sigpipe;  // as loops have it
    buffer_pool pool;
    worker_pool workers;
    backend_options options;
    completions out;
    std::unique_ptr<backend> target;
};

}  // namespace penstock::detail
