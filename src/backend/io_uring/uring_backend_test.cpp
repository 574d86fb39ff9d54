#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

class uring_backend_test : public ::testing::Test {
  protected:
    template <class Body>
    void run(loop_options options, Body body) {
        options.backend = "io_uring";
        auto made = loop::create(std::move(options));
        if (!made) GTEST_SKIP() << made.error().message;
        try {
            (*made)->run(body());
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
};

duration processor_time() {
    ::rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return std::chrono::seconds(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           std::chrono::microseconds(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

task<> send_pieces(net::stream& to, const std::string& all) {
    std::string_view rest = all;
    while (!rest.empty()) {
        const std::string_view piece = rest.substr(0, 3000);
        must(co_await to.send(piece));
        rest.remove_prefix(piece.size());
    }
    must(co_await to.close());
}

task<> read_late(net::stream& from, const std::string& all) {
    const duration before = processor_time();
    co_await sleep_for(100ms);
    EXPECT_LT(processor_time() - before, 60ms) << "waiting for room is busy";
    EXPECT_TRUE(same_bytes(co_await receive_to_end(from), all));
}

// The kernel's poll always looks for the end of the other side: once that has come, waiting for room ends at once, and
// the kernel's own attempts to send are given up.
TEST_F(uring_backend_test, sends_to_a_peer_that_has_ended_its_side_and_reads_late) {
    for (const bool by_polling : {false, true}) {
        loop_options options;
        if (by_polling) options.bounds.denied = {op_kind::send};
        run(options, []() -> task<> {
            const temporary_directory directory;
            const std::string all = pattern(8 << 20);
            for (const endpoint& at : {endpoint::loopback(0), *endpoint::parse("unix:" + (directory / "socket"))}) {
                stream_pair pair = co_await connected(at);
                must(co_await pair.far.shutdown_send());
                co_await when_all(send_pieces(pair.near, all), read_late(pair.far, all));
            }
        });
    }
}

TEST_F(uring_backend_test, a_send_to_such_a_peer_can_be_cancelled) {
    for (const bool by_polling : {false, true}) {
        loop_options options;
        if (by_polling) options.bounds.denied = {op_kind::send};
        run(options, []() -> task<> {
            const temporary_directory directory;
            const std::string all = pattern(8 << 20);
            for (const duration after : {0ns, 100'000ns, 1'000'000ns, 20'000'000ns}) {
                const std::string name = "unix:" + (directory / ("after_" + std::to_string(after.count())));
                stream_pair pair = co_await connected(*endpoint::parse(name));
                must(co_await pair.far.shutdown_send());
                EXPECT_TRUE(is_error(co_await with_timeout(after, pair.near.send(std::string_view(all))),
                                     std::errc::timed_out));
            }
        });
    }
}

// One receive delivers as fast as bytes are there, long before a cancel could reach it.
TEST_F(uring_backend_test, a_fast_peer_gets_no_more_buffers_than_the_credit_allows) {
    run({.buffers = {.buffer_size = 1024, .count = 512}}, []() -> task<> {
        stream_pair pair = co_await connected();
        const std::string all = pattern(std::size_t{100} * 1024);
        co_await with_scope([&](scope& s) -> task<> {
            spawn(s, [](net::stream& to, const std::string& what) -> task<> {
                must(co_await to.send(what));
            }(pair.near, all));
            co_await sleep_for(10ms);
            const lease first = must(co_await pair.far.receive());
            const auto& credit = pair.far.record()->input.credit;
            EXPECT_LE(credit.held, 2 * credit.limit) << "buffers, for a credit of " << credit.limit;
            s.cancel();
        });
    });
}

TEST_F(uring_backend_test, a_unix_socket_with_a_full_backlog_refuses) {
    run({}, []() -> task<> {
        const temporary_directory directory;
        const endpoint at = *endpoint::parse("unix:" + (directory / "socket"));
        const auto door = must(co_await net::listen(at, {.backlog = 1}));
        std::vector<net::stream> waiting;
        for (int i = 0; i < 10; ++i) {
            auto connecting = co_await with_timeout(1s, net::connect(at));
            if (!connecting) {
                EXPECT_TRUE(is_error(connecting, std::errc::connection_refused));
                co_return;
            }
            waiting.push_back(std::move(*connecting));
        }
        ADD_FAILURE() << "a backlog of 1 took 10 connections";
    });
}

// An entry's length has 32 bits.
TEST_F(uring_backend_test, lengths_beyond_four_gigabytes_do_not_wrap) {
    run({}, []() -> task<> {
        const temporary_directory directory;
        auto f = must(co_await fs::open(directory / "file", {.write = true, .create = true}));
        const std::string text = "not the end";
        must(co_await f.write_all_at(std::as_bytes(std::span(text)), 0));
        constexpr std::size_t size = std::size_t{4} << 30;
        void* const memory =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) co_return;
        EXPECT_EQ(must(co_await f.read_at(std::span(static_cast<std::byte*>(memory), size), 0)), text.size());
        ::munmap(memory, size);
    });
}

}  // namespace
}  // namespace penstock
