// Messages between loops.
#include "support/on_backend.hpp"

#include <atomic>
#include <thread>

namespace penstock::testing {
namespace {

class loop_messages : public on_backend {
  protected:
    void SetUp() override {
        on_backend::SetUp();
        if (IsSkipped()) return;
        if (capabilities()[op_kind::loop_message].support == support::unsupported) {
            GTEST_SKIP() << capabilities()[op_kind::loop_message].why;
        }
    }
};
PENSTOCK_ON_EVERY_BACKEND(loop_messages);

task<> send_numbers(loop_address to, std::uint64_t type, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count;) {
        const auto sent = co_await send_to_loop(to, {.type = type, .value = i});
        if (sent) {
            ++i;
        } else if (sent.error() == make_error_code(errc::queue_full)) {
            co_await yield();
        } else {
            must(sent);
        }
    }
}

TEST_P(loop_messages, arrive_on_the_loop_itself_in_their_order) {
    run([]() -> task<> {
        const loop_address here = current_loop->address();
        must(co_await send_to_loop(here, {.type = 1, .value = 10}));
        must(co_await send_to_loop(here, {.type = 2, .value = 20}));
        const loop_message first = must(co_await receive_from_loops());
        const loop_message second = must(co_await receive_from_loops());
        EXPECT_EQ(first, (loop_message{.type = 1, .value = 10}));
        EXPECT_EQ(second, (loop_message{.type = 2, .value = 20}));
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, send_numbers(here, 3, 5000));
            for (std::uint64_t i = 0; i < 5000; ++i) {
                const loop_message next = must(co_await receive_from_loops());
                EXPECT_EQ(next, (loop_message{.type = 3, .value = i}));
            }
            co_await s.join();
        });
        EXPECT_EQ(current_loop->statistics().messages, 5002U);
    });
}

/// A loop on a thread of its own, which sends back what comes until it is told 0.
class echoing_loop {
  public:
    explicit echoing_loop(const loop_options& wanted) : thread_([this, wanted] { serve(wanted); }) {
        there_.wait(false);
    }
    ~echoing_loop() { thread_.join(); }
    echoing_loop(const echoing_loop&) = delete;
    echoing_loop& operator=(const echoing_loop&) = delete;
    const loop_address& address() const { return address_; }

  private:
    void serve(const loop_options& wanted) {
        auto made = loop::create(wanted);
        if (made) address_ = (*made)->address();
        there_ = true;
        there_.notify_one();
        if (made) (*made)->run(answer());
    }
    static task<> answer() {
        loop_address back;
        for (;;) {
            const loop_message next = must(co_await receive_from_loops());
            if (next.type == 0) co_return;
            if (next.type == 1) {
                back = *reinterpret_cast<const loop_address*>(next.value);
            }
            must(co_await send_to_loop(back, next));
        }
    }

    loop_address address_;
    std::atomic<bool> there_{false};
    std::thread thread_;
};

task<> go_back_and_forth(loop_address to, std::uint64_t times) {
    const loop_address here = current_loop->address();
    must(co_await send_to_loop(to, {.type = 1, .value = reinterpret_cast<std::uintptr_t>(&here)}));
    const loop_message told = must(co_await receive_from_loops());
    EXPECT_EQ(told.type, 1U);
    for (std::uint64_t i = 0; i < times; ++i) {
        must(co_await send_to_loop(to, {.type = 2, .value = i}));
        const loop_message back = must(co_await receive_from_loops());
        EXPECT_EQ(back.value, i);
    }
    must(co_await send_to_loop(to, {.type = 0}));
}

TEST_P(loop_messages, go_from_thread_to_thread_and_wake_who_sleeps) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    loop_address gone;
    {
        const echoing_loop other(options());
        ASSERT_TRUE(other.address().valid());
        gone = other.address();
        l->run(go_back_and_forth(gone, full_scale() ? 20'000 : 1000));
    }
    const auto too_late = l->run(send_to_loop(gone, {.type = 1}));
    EXPECT_TRUE(is_error(too_late, errc::loop_stopped));
    expect_idle(*l);
}

TEST_P(loop_messages, of_many_senders_none_is_lost) {
    if (capabilities().own_world) GTEST_SKIP() << own_world;
    constexpr std::uint64_t senders = 3;
    const std::uint64_t each = full_scale() ? 20'000 : 2000;
    loop_options small = options();
    small.message_capacity = 64;
    const auto l = make_loop(small);
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    std::vector<std::thread> threads;
    for (std::uint64_t s = 0; s < senders; ++s) {
        threads.emplace_back([s, each, to = l->address(), wanted = options()] {
            auto made = loop::create(wanted);
            ASSERT_TRUE(made.has_value());
            (*made)->run(send_numbers(to, s, each));
        });
    }
    l->run([](std::uint64_t count) -> task<> {
        std::array<std::uint64_t, senders> next{};
        for (std::uint64_t i = 0; i < senders * count; ++i) {
            const loop_message m = must(co_await receive_from_loops());
            EXPECT_EQ(m.value, next.at(m.type)++);
        }
    }(each));
    for (std::thread& t : threads) t.join();
    expect_idle(*l);
}

TEST_P(loop_messages, a_full_queue_refuses_and_keeps_what_it_has) {
    loop_options small = options();
    small.message_capacity = 8;
    run(small, []() -> task<> {
        const loop_address here = current_loop->address();
        std::uint64_t kept = 0;
        for (std::uint64_t i = 0; i < 20; ++i) {
            const auto sent = co_await send_to_loop(here, {.value = i});
            if (sent) {
                ++kept;
            } else {
                EXPECT_TRUE(is_error(sent, errc::queue_full));
            }
        }
        EXPECT_EQ(kept, 8U);
        EXPECT_EQ(current_loop->statistics().messages_refused, 12U);
        for (std::uint64_t i = 0; i < kept; ++i) {
            const loop_message m = must(co_await receive_from_loops());
            EXPECT_EQ(m.value, i);
        }
        must(co_await send_to_loop(here, {.value = 99}));
        const loop_message last = must(co_await receive_from_loops());
        EXPECT_EQ(last.value, 99U);
    });
}

task<> send_later(loop_address to) {
    co_await turns(5);
    must(co_await send_to_loop(to, {.value = 1}));
}

task<result<loop_message>> next_message() { co_return co_await receive_from_loops(); }

TEST_P(loop_messages, a_cancelled_wait_takes_none_and_a_second_one_is_refused) {
    run([]() -> task<> {
        const loop_address here = current_loop->address();
        for (const int after : moments) {
            const auto r = co_await cancelled_after(after, next_message());
            EXPECT_TRUE(is_cancelled(r));
        }
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, [](loop_address to) -> task<> {
                co_await turns(2);
                const auto second = co_await receive_from_loops();
                EXPECT_TRUE(is_error(second, std::errc::device_or_resource_busy));
                co_await send_later(to);
            }(here));
            const loop_message m = must(co_await receive_from_loops());
            EXPECT_EQ(m.value, 1U);
            co_await s.join();
        });
        const auto nowhere = co_await send_to_loop(loop_address(), {});
        EXPECT_TRUE(is_error(nowhere, std::errc::bad_file_descriptor));
    });
}

TEST_P(loop_messages, wait_from_one_run_to_the_next) {
    const auto l = make_loop();
    ASSERT_NE(l, nullptr);
    const watched watching(*l);
    must(l->run(send_to_loop(l->address(), {.value = 5})));
    const loop_message m = must(l->run(next_message()));
    EXPECT_EQ(m.value, 5U);
    expect_idle(*l);
}

}  // namespace
}  // namespace penstock::testing
