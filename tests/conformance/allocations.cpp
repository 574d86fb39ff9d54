// After warm-up nothing on the way of an await asks the system for memory: frames come from the loop's arena, buffers
// from its pool, and operations live in their awaiters.
#include "support/build_kind.hpp"
#include "support/on_backend.hpp"
#include "support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace {

// Of this thread, since the test's watchdog and the workers have a life of their own.
thread_local constinit std::uint64_t allocations = 0;

}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)  // the sanitizer presets are clang's
// operator new ends here, too.
extern "C" {
void* __libc_malloc(std::size_t size);                     // NOLINT(bugprone-reserved-identifier): the C library's
void* __libc_calloc(std::size_t count, std::size_t size);  // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* memory, std::size_t size);      // NOLINT(bugprone-reserved-identifier)

void* malloc(std::size_t size) {
    ++allocations;
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
    ++allocations;
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) {
    ++allocations;
    return __libc_realloc(memory, size);
}
}
#endif

namespace penstock {
namespace {

using namespace testing;

class allocations_of : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (is_sanitized) GTEST_SKIP() << "a sanitizer's allocator cannot be counted";
    }

    /// Repeats `step(state)` with what `make()` returns, both tasks, and expects that the second half allocates
    /// nothing.
    template <class Make, class Step>
    void expect_none(Make make, Step step) {
        loop_options settled = options();
        settled.worker_threads = 1;  // or another may still be started in the second half
        run(settled, [&]() -> task<> {
            constexpr int times = 2000;
            auto state = co_await make();
            for (int i = 0; i < times; ++i) co_await step(state);
            const std::uint64_t warm = allocations;
            for (int i = 0; i < times; ++i) co_await step(state);
            EXPECT_EQ(allocations - warm, 0) << "in " << times << " times";
        });
    }
};

task<int> one() { co_return 1; }

task<int> twice(int n) { co_return 2 * n; }

task<int> of_a_task(int n) { co_return co_await twice(n) + 1; }

task<result<void>> nap(duration d) { co_return co_await sleep_for(d); }

TEST_P(allocations_of, the_counter_counts) {
    const std::uint64_t before = allocations;
    const auto something = std::make_unique<std::array<int, 100>>();
    EXPECT_NE(something, nullptr);
    EXPECT_GT(allocations, before);
}

TEST_P(allocations_of, a_task_call_is_none) {
    expect_none(one, [](int i) -> task<> { EXPECT_EQ(co_await of_a_task(i), 2 * i + 1); });
}

TEST_P(allocations_of, yielding_sleeping_and_deadlines_are_none) {
    expect_none(one, [](int) -> task<> {
        co_await yield();
        must(co_await sleep_for(1us));
        must(co_await with_timeout(1h, nap(duration{0})));
    });
}

TEST_P(allocations_of, several_tasks_at_once_are_none) {
    expect_none(one, [](int) -> task<> {
        co_await when_all(nap(duration{0}), nap(duration{0}));
        co_await when_any(nap(duration{0}), nap(1h));
        co_await with_scope([](scope& s) -> task<> {
            s.spawn(nap(duration{0}));
            s.spawn(nap(1h));
            co_await yield();
        });
    });
}

TEST_P(allocations_of, a_message_and_its_answer_are_none) {
    const auto make = [] { return connected(); };
    expect_none(make, [](stream_pair& pair) -> task<> {
        must(co_await pair.near.send("ping"));
        must(co_await pair.far.receive());
        must(co_await pair.far.send("pong"));
        must(co_await with_timeout(1h, receive_from(pair.near)));
    });
}

TEST_P(allocations_of, a_datagram_and_its_answer_are_none) {
    if (capabilities().own_world) GTEST_SKIP() << "what is under way there is kept by the machine itself";
    struct two_sockets {
        net::datagram_socket near;
        net::datagram_socket far;
    };
    const auto make = []() -> task<two_sockets> {
        two_sockets made;
        made.near = must(co_await net::bind_datagram(endpoint::loopback(0)));
        made.far = must(co_await net::connect_datagram(must(co_await made.near.local_endpoint())));
        must(co_await made.near.connect(must(co_await made.far.local_endpoint())));
        co_return made;
    };
    std::array<std::byte, 64> memory{};
    expect_none(make, [&](two_sockets& pair) -> task<> {
        must(co_await pair.near.send("ping"));
        must(co_await pair.far.receive(memory));
        must(co_await pair.far.send_segments(memory, 16));
        for (int i = 0; i < 4; ++i) must(co_await pair.near.receive(memory));
    });
}

TEST_P(allocations_of, reading_a_file_is_none) {
    const temporary_directory directory;
    std::array<std::byte, 512> memory{};
    const auto make = [&]() -> task<fs::file> {
        auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true}));
        must(co_await file.write_all_at(std::span<const std::byte>(memory), 0));
        co_return file;
    };
    expect_none(make, [&](fs::file& file) -> task<> {
        EXPECT_EQ(must(co_await file.read_at(std::span(memory), 0)), memory.size());
    });
}

PENSTOCK_ON_EVERY_BACKEND(allocations_of);

}  // namespace
}  // namespace penstock
