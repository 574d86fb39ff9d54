// What the library itself costs: awaits through the null backend, where nothing else happens, and their parts.
// Prints `name value unit` per line, once per round; tools/bench await makes medians and intervals of them.
#include <penstock/detail/await.hpp>
#include <penstock/penstock.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace penstock;

constexpr int count = 200'000;

/// Nanoseconds per repetition of what `work` does `count` times.
template <class Work>
task<double> nanoseconds_each(Work work) {
    const auto before = std::chrono::steady_clock::now();
    co_await work();
    const std::chrono::duration<double, std::nano> spent = std::chrono::steady_clock::now() - before;
    co_return spent.count() / count;
}

task<void> queued_awaits() {
    for (int i = 0; i < count; ++i) co_await detail::awaited<detail::nop_op>();
}

task<void> immediate_awaits() {
    for (int i = 0; i < count; ++i) co_await detail::awaited<detail::write_op>(handle{}, nullptr, 0);
}

task<void> some_nops(int n) {
    for (int i = 0; i < n; ++i) co_await detail::awaited<detail::nop_op>();
}

/// Many tasks share each turn, as they do in a busy server.
task<void> queued_awaits_of_64_tasks() {
    co_await with_scope([](scope& s) -> task<> {
        for (int i = 0; i < 64; ++i) s.spawn(some_nops(count / 64));
        co_await s.join();
    });
}

task<int> leaf(int i) { co_return i; }

task<void> task_calls() {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum += co_await leaf(i);
    if (sum == 42) std::puts("");  // so that the sum is used
}

task<void> turns() {
    for (int i = 0; i < count; ++i) co_await yield();
}

task<void> timers() {
    detail::timer_node nodes[64];
    for (int i = 0; i < count; ++i) {
        detail::timer_node& node = nodes[i % 64];
        current_loop->cancel_timer(node);
        current_loop->set_timer(node, current_loop->now() + std::chrono::milliseconds(1 + i % 977));
    }
    for (detail::timer_node& node : nodes) current_loop->cancel_timer(node);
    co_return;
}

task<void> spawns() {
    co_await with_scope([](scope& s) -> task<> {
        for (int i = 0; i < count / 64; ++i) {
            for (int k = 0; k < 64; ++k) s.spawn(leaf(k));
            co_await s.join();
        }
    });
}

task<void> one_round() {
    struct figure {
        const char* name;
        task<void> (*work)();
    };
    constexpr figure figures[] = {
        {"await.null", queued_awaits_of_64_tasks},
        {"await.null.alone", queued_awaits},
        {"await.immediate", immediate_awaits},
        {"await.task_call", task_calls},
        {"await.turn", turns},
        {"await.spawn", spawns},
        {"await.timer_set_cancel", timers},
    };
    for (const figure& f : figures) {
        std::printf("%s %.2f ns\n", f.name, co_await nanoseconds_each(f.work));
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    int rounds = 5;
    if (argc == 3 && std::string_view(argv[1]) == "--rounds") rounds = std::atoi(argv[2]);
    if (rounds < 1 || (argc != 1 && argc != 3)) {
        std::fputs("usage: await_bench [--rounds N]\n", stderr);
        return 2;
    }
    penstock::loop_options options;
    options.backend = "null";
    auto made = penstock::loop::create(options);
    if (!made) {
        std::fprintf(stderr, "await_bench: %s\n", made.error().message.c_str());
        return 2;
    }
    for (int i = 0; i < rounds; ++i) (*made)->run(one_round());
}
