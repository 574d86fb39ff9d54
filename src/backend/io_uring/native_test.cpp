// That what is said to be native is: the kernel's count of submission entries rises with each operation. By a call or
// on the worker pool, it would not.
#include "support/submission_entries.hpp"
#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

constexpr std::uint64_t times = 10;

struct native_operation {
    op_kind kind;
    std::function<task<result<void>>(fs::directory&, fs::file&)> once;
};

task<result<void>> link_again(fs::directory& in) {
    const auto removed = co_await fs::remove_file(in / "link");
    co_return removed ? co_await fs::make_link(in / "file", in / "link") : removed;
}

task<result<void>> symlink_again(fs::directory& in) {
    const auto removed = co_await fs::remove_file(in / "symlink");
    co_return removed ? co_await fs::make_symlink("file", in / "symlink") : removed;
}

task<result<void>> make_again(fs::directory& in) {
    const auto removed = co_await fs::remove_directory(in / "sub");
    co_return removed ? co_await fs::make_directory(in / "sub") : removed;
}

task<result<void>> open_beneath(fs::directory& in) {
    auto opened = co_await fs::open(in / "file", {.within = {.beneath = true}});
    co_return opened ? co_await opened->close() : result<void>(std::unexpected(opened.error()));
}

task<result<void>> status_of(fs::directory& in) {
    const auto found = co_await fs::status(in / "file");
    if (!found) co_return std::unexpected(found.error());
    co_return result<void>{};
}

task<result<void>> poll_a_pipe() {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("pipe");
    const auto found = co_await wait_writable(ends[1]);
    ::close(ends[0]);
    ::close(ends[1]);
    if (!found) co_return std::unexpected(found.error());
    co_return result<void>{};
}

const std::atomic<std::uint32_t> a_word{0};

task<result<void>> wake_nobody() {
    const auto woken = co_await futex_wake(a_word);
    if (!woken) co_return std::unexpected(woken.error());
    co_return result<void>{};
}

std::vector<native_operation> native_operations() {
    using d = fs::directory;
    using f = fs::file;
    return {
        {op_kind::open, [](d& in, f&) { return open_beneath(in); }},
        {op_kind::status, [](d& in, f&) { return status_of(in); }},
        {op_kind::truncate, [](d&, f& file) { return file.truncate(100); }},
        {op_kind::allocate, [](d&, f& file) { return file.allocate(0, 100); }},
        {op_kind::sync_range, [](d&, f& file) { return file.sync_range(0, 0, true); }},
        {op_kind::advise, [](d&, f& file) { return file.advise(0, 0, fs::file_advice::normal); }},
        {op_kind::advise_memory, [](d&, f&) { return fs::advise_memory({}, fs::memory_advice::normal); }},
        {op_kind::rename, [](d& in, f&) { return fs::rename(in / "file", in / "link", fs::rename_rule::exchange); }},
        {op_kind::unlink, [](d& in, f&) { return link_again(in); }},
        {op_kind::make_directory, [](d& in, f&) { return make_again(in); }},
        {op_kind::symlink, [](d& in, f&) { return symlink_again(in); }},
        {op_kind::link, [](d& in, f&) { return link_again(in); }},
        {op_kind::poll, [](d&, f&) { return poll_a_pipe(); }},
        {op_kind::futex_wait, [](d&, f&) { return futex_wait(a_word, 1); }},
        {op_kind::futex_wake, [](d&, f&) { return wake_nobody(); }},
    };
}

task<> expect_an_entry_each(const native_operation& what, fs::directory& in, fs::file& file) {
    const std::uint64_t before = entries_submitted();
    for (std::uint64_t i = 0; i < times; ++i) {
        const auto r = co_await what.once(in, file);
        EXPECT_TRUE(succeeds(r)) << to_string(what.kind);
    }
    EXPECT_GE(entries_submitted() - before, times) << to_string(what.kind);
}

TEST(native_test, each_operation_is_an_entry_of_the_ring) {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) GTEST_SKIP() << made.error().message;
    const temporary_directory at;
    const auto& found = (*made)->explain().capabilities;
    auto program = [&]() -> task<> {
        auto in = must(co_await fs::open_directory(at / ""));
        auto file = must(co_await fs::open(in / "file", {.write = true, .create = true}));
        must(co_await fs::make_link(in / "file", in / "link"));
        must(co_await fs::make_symlink("file", in / "symlink"));
        must(co_await fs::make_directory(in / "sub"));
        for (const auto& what : native_operations()) {
            const capability& c = found[what.kind];
            if (c.support == support::native) co_await expect_an_entry_each(what, in, file);
            // A kernel without the opcode says so; this one must not just have been taken for one.
            EXPECT_TRUE(c.support == support::native || !c.why.empty()) << to_string(what.kind);
        }
    };
    (*made)->run(program());
}

TEST(native_test, features_say_whether_chains_are_one_submission) {
    for (const bool beside_a_thread : {false, true}) {
        loop_options options{.backend = "io_uring"};
        options.bounds.uring.submission_thread = beside_a_thread;
        auto made = loop::create(options);
        if (!made) GTEST_SKIP() << made.error().message;
        bool told = false;
        for (const feature_report& f : (*made)->explain().features) {
            if (f.name != "chains") continue;
            told = true;
            EXPECT_FALSE(f.detail.empty());
            EXPECT_FALSE(beside_a_thread && f.on);
        }
        EXPECT_TRUE(told);
    }
}

// --- Messages between loops

/// A loop on a thread of its own, which counts what comes.
class counting_loop {
  public:
    explicit counting_loop(std::uint64_t expected) : thread_([this, expected] { count(expected); }) {
        there_.wait(false);
    }
    ~counting_loop() { thread_.join(); }
    counting_loop(const counting_loop&) = delete;
    counting_loop& operator=(const counting_loop&) = delete;
    const loop_address& address() const { return address_; }
    std::uint64_t counted() const { return counted_.load(); }
    std::uint64_t wakes() const { return wakes_.load(); }

  private:
    void count(std::uint64_t expected) {
        auto made = loop::create({.backend = "io_uring"});
        if (made) address_ = (*made)->address();
        there_ = true;
        there_.notify_one();
        if (!made) return;
        (*made)->run([](counting_loop& self, std::uint64_t most) -> task<> {
            for (std::uint64_t i = 0; i < most; ++i) {
                must(co_await receive_from_loops());
                self.wakes_ = current_loop->statistics().wakes;
                ++self.counted_;
            }
        }(*this, expected));
    }

    loop_address address_;
    std::atomic<bool> there_{false};
    std::atomic<std::uint64_t> counted_{0};
    std::atomic<std::uint64_t> wakes_{0};
    std::thread thread_;
};

/// Sends one message after the other, each when the one before was received.
task<> send_one_by_one(counting_loop& to, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
        must(co_await send_to_loop(to.address(), {.value = i}));
        while (to.counted() == i) co_await yield();
    }
}

TEST(native_test, another_loop_is_woken_by_an_entry_of_the_ring) {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) GTEST_SKIP() << made.error().message;
    counting_loop other(times);
    ASSERT_TRUE(other.address().valid());
    (*made)->run(send_one_by_one(other, times));
    EXPECT_EQ((*made)->statistics().loops_rung, times);
    EXPECT_EQ(other.wakes(), 0U) << "of its eventfd";
}

TEST(native_test, without_the_opcode_another_loop_is_woken_all_the_same) {
    loop_options options{.backend = "io_uring"};
    options.bounds.denied = {op_kind::loop_message};
    auto made = loop::create(options);
    if (!made) GTEST_SKIP() << made.error().message;
    counting_loop other(times);
    ASSERT_TRUE(other.address().valid());
    (*made)->run(send_one_by_one(other, times));
    EXPECT_EQ((*made)->statistics().loops_rung, 0U);
    EXPECT_GE(other.wakes(), 1U);
}

TEST(native_test, messages_of_one_turn_ring_once) {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) GTEST_SKIP() << made.error().message;
    counting_loop other(times);
    ASSERT_TRUE(other.address().valid());
    (*made)->run([](loop_address to) -> task<> {
        std::vector<task<result<void>>> all;
        for (std::uint64_t i = 0; i < times; ++i) all.push_back(send_to_loop(to, {.value = i}));
        co_await when_all(std::move(all));
    }(other.address()));
    EXPECT_EQ((*made)->statistics().loops_rung, 1U);
}

task<> exchange_datagrams(net::datagram_socket& own, const endpoint& at, bool in_segments) {
    std::string text(65536, '\0');
    const auto memory = std::as_writable_bytes(std::span(text));
    for (std::uint64_t i = 0; i < times; ++i) {
        must(co_await own.send_segments(memory.first(1000), in_segments ? 100 : 0, at));
        EXPECT_EQ(must(co_await own.receive(memory)).size, 1000U);
    }
}

task<> exchange_descriptors(stream_pair& pair) {
    char byte = 'x';
    const auto memory = std::as_writable_bytes(std::span(&byte, 1));
    const handle one = pair.near.name();
    for (std::uint64_t i = 0; i < times; ++i) {
        must(co_await pair.near.send_with({&one, 1}, memory));
        EXPECT_EQ(must(co_await pair.far.receive_with(memory, 1)).descriptors.size(), 1U);
    }
}

TEST(native_test, each_message_is_an_entry_of_the_ring_whatever_goes_beside_it) {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) GTEST_SKIP() << made.error().message;
    const auto& found = (*made)->explain().capabilities;
    for (const op_kind kind : {op_kind::send_message, op_kind::receive_message}) {
        if (found[kind].support != support::native) GTEST_SKIP() << found[kind].why;
    }
    auto program = []() -> task<> {
        auto own = must(co_await net::bind_datagram(endpoint::loopback(0), {.join_segments = true}));
        const endpoint at = must(co_await own.local_endpoint());
        std::uint64_t before = entries_submitted();
        co_await exchange_datagrams(own, at, false);
        EXPECT_GE(entries_submitted() - before, 2 * times) << "a datagram";
        if (own.segments_in_kernel() && own.joins_segments()) {
            before = entries_submitted();
            co_await exchange_datagrams(own, at, true);
            EXPECT_GE(entries_submitted() - before, 2 * times) << "segments";
        }
        const temporary_directory in;
        stream_pair pair = co_await connected(*endpoint::parse("unix:" + (in / "socket")));
        before = entries_submitted();
        co_await exchange_descriptors(pair);  // each is closed by an entry, too, the last one later
        EXPECT_GE(entries_submitted() - before, 3 * times - 1) << "descriptors";
    };
    (*made)->run(program());
}

}  // namespace
}  // namespace penstock
