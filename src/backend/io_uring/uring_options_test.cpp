// What uring_options ask for, seen from a program: by counts of what the kernel did, not only by results.
#include "support/mapping_figures.hpp"
#include "support/temporary_directory.hpp"
#include "support/traffic.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

namespace penstock {
namespace {

using namespace testing;

class uring_options_test : public ::testing::Test {
  protected:
    /// Runs `body(loop)` on a loop with these options, unless `feature` cannot be had here.
    template <class Body>
    void run(uring_options wanted, std::string_view feature, Body body) {
        backend_options bounds;
        bounds.uring = wanted;
        run_within(std::move(bounds), feature, std::move(body));
    }
    template <class Body>
    void run_lending(std::size_t from, Body body) {
        backend_options bounds;
        bounds.zero_copy_from = from;
        run_within(std::move(bounds), "zero-copy send", std::move(body));
    }

  private:
    template <class Body>
    void run_within(backend_options bounds, std::string_view feature, Body body) {
        loop_options options{.backend = "io_uring", .bounds = std::move(bounds)};
        auto made = loop::create(std::move(options));
        if (!made) GTEST_SKIP() << made.error().message;
        for (const feature_report& f : (*made)->explain().features) {
            if (f.name == feature && !f.on) GTEST_SKIP() << f.name << ": " << f.detail;
        }
        try {
            (*made)->run(body(**made));
        } catch (const std::exception& e) {
            ADD_FAILURE() << e.what();
        }
    }
};

task<> play(net::stream& near, net::stream& far, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        must(co_await near.send("ping"));
        const lease there = must(co_await far.receive());
        must(co_await far.send(there.bytes()));
        const lease back = must(co_await near.receive());
        EXPECT_EQ(back.text(), "ping");
    }
}

// Two messages for each round.
TEST_F(uring_options_test, with_a_submission_thread_a_loop_that_spins_makes_no_system_calls) {
    run({.submission_thread = true, .submission_thread_idle = 2s, .spin = 2s}, "SQPOLL", [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        co_await play(pair.near, pair.far, 10);
        const loop_statistics before = l.statistics();
        constexpr int rounds = 500;
        co_await play(pair.near, pair.far, rounds);
        const loop_statistics after = l.statistics();
        EXPECT_LE(static_cast<double>(after.enters - before.enters), 0.01 * 2 * rounds);
        EXPECT_GE(after.completions - before.completions, 4U * rounds) << "who has done it then?";
    });
}

TEST_F(uring_options_test, without_spinning_a_submission_thread_is_waited_for) {
    run({.submission_thread = true}, "SQPOLL", [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        const std::uint64_t before = l.statistics().enters;
        co_await play(pair.near, pair.far, 50);
        EXPECT_GE(l.statistics().enters - before, 50U);
    });
}

/// Makes a loop, then gives up being root, as a server does, and opens a file of root's. \return the exit status.
int open_without_rights(const std::string& path) {
    loop_options options{.backend = "io_uring"};
    options.bounds.uring.submission_thread = true;
    auto made = loop::create(std::move(options));
    if (!made || (*made)->explain().capabilities[op_kind::open].support != support::offloaded) return 77;
    if (::setegid(65534) != 0 || ::seteuid(65534) != 0) return 77;
    return (*made)->run([](std::string file) -> task<int> {
        const auto opened = co_await fs::open(std::move(file));
        if (opened) co_return 1;
        co_return opened.error() == std::errc::permission_denied ? 0 : 2;
    }(path));
}

TEST_F(uring_options_test, a_submission_threads_credentials_open_nothing_for_a_process_that_has_given_up_its_own) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has something to give up";
    const temporary_directory directory;
    const std::string path = directory / "secret";
    ASSERT_GE(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600), 0);
    ASSERT_EQ(::chmod((directory / "").c_str(), 0755), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);
        ::_exit(open_without_rights(path));
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "no submission thread here";
    EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST_F(uring_options_test, restricted_it_can_do_all_that_it_can_otherwise) {
    run({}, "", [](loop& whole) -> task<> {
        const capability_table table = whole.explain().capabilities;
        loop_options options{.backend = "io_uring"};
        options.bounds.uring.restricted = true;
        const auto made = loop::create(std::move(options));
        EXPECT_TRUE(made.has_value());
        if (!made) co_return;
        for (std::size_t i = 0; i < op_kind_count; ++i) {
            const auto kind = static_cast<op_kind>(i);
            EXPECT_EQ((*made)->explain().capabilities[kind].support, table[kind].support) << to_string(kind);
        }
    });
}

// --- Receiving ---

TEST_F(uring_options_test, bundles_bring_several_buffers_with_one_completion_and_in_order) {
    loop_options options{.backend = "io_uring", .buffers = {.buffer_size = 1024, .count = 64}};
    options.bounds.uring.bundles = true;
    auto made = loop::create(std::move(options));
    if (!made) GTEST_SKIP() << made.error().message;
    const auto& features = (*made)->explain().features;
    const auto found = std::ranges::find(features, "bundles", &feature_report::name);
    ASSERT_NE(found, features.end());
    if (!found->on) GTEST_SKIP() << found->detail;
    (*made)->run([](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        const std::string all = pattern(1 << 20);
        co_await when_all(
            [](net::stream& to, const std::string& what) -> task<> {
                must(co_await to.send(what));
                must(co_await to.close());
            }(pair.near, all),
            [](net::stream& from, const std::string& what) -> task<> {
                EXPECT_TRUE(same_bytes(co_await receive_to_end(from), what));
            }(pair.far, all));
        EXPECT_GT(l.statistics().bundled_buffers, 100U);
        EXPECT_LE(pair.far.record() == nullptr ? 0 : pair.far.record()->input.credit.held, 4);
    }(**made));
}

// --- Files -------------------------------------------------------------------------------------------------

constexpr std::size_t block = 4096;

task<> write_and_read_back(fs::file& file, fs::buffer_arena& arena) {
    for (std::size_t i = 0; i + 1 < arena.count(); ++i) {
        const std::span<std::byte> out = arena[i];
        std::memset(out.data(), static_cast<int>('a' + i), out.size());
        EXPECT_EQ(must(co_await file.write_at(out, i * block)), block);
    }
    const std::span<std::byte> in = arena[arena.count() - 1];
    for (std::size_t i = 0; i + 1 < arena.count(); ++i) {
        EXPECT_EQ(must(co_await file.read_at(in, i * block)), block);
        EXPECT_TRUE(std::equal(in.begin(), in.end(), arena[i].begin())) << "block " << i;
    }
}

TEST_F(uring_options_test, registered_files_and_memory_are_named_by_their_numbers) {
    run({}, "", [](loop& l) -> task<> {
        const temporary_directory directory;
        fs::buffer_arena arena = must(fs::buffer_arena::create({.buffer_size = block, .count = 5}));
        EXPECT_TRUE(arena.registered()) << arena.what_is_missing();
        EXPECT_EQ(arena.what_is_missing(), "");
        auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true, .registered = true}));
        co_await write_and_read_back(file, arena);
        EXPECT_EQ(l.statistics().by_registered_file, 8U);
        EXPECT_EQ(l.statistics().by_registered_memory, 8U);
        // Other memory, and a file that is not in the table, go the plain way.
        std::byte elsewhere[8];
        EXPECT_EQ(must(co_await file.read_at(elsewhere, 0)), sizeof elsewhere);
        EXPECT_EQ(static_cast<char>(elsewhere[7]), 'a');
        EXPECT_EQ(l.statistics().by_registered_file, 9U);
        EXPECT_EQ(l.statistics().by_registered_memory, 8U);
        auto plain = must(co_await fs::open(directory / "file"));
        EXPECT_EQ(must(co_await plain.read_at(arena[4].first(100), block)), 100U);
        EXPECT_EQ(l.statistics().by_registered_file, 9U);
        EXPECT_EQ(l.statistics().by_registered_memory, 9U);
        must(co_await plain.close());
        must(co_await file.close());
    });
}

// The table holds a file open: what is closed must leave it.
TEST_F(uring_options_test, a_registered_file_is_closed_when_it_is_closed) {
    run({}, "", [](loop& l) -> task<> {
        const temporary_directory directory;
        const std::string path = directory / "file";
        for (int i = 0; i < 3; ++i) {
            auto file = must(co_await fs::open(path, {.write = true, .create = true, .registered = true}));
            EXPECT_EQ(::flock(file.name().id, LOCK_EX | LOCK_NB), 0) << "an earlier one is still open";
            std::byte byte{};
            must(co_await file.read_at({&byte, 1}, 0));
            must(co_await file.close());
        }
        EXPECT_EQ(l.statistics().by_registered_file, 3U);
    });
}

TEST_F(uring_options_test, descriptors_beyond_the_table_work_without_it) {
    run({.registered_files = 1}, "", [](loop& l) -> task<> {
        const temporary_directory directory;
        auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true, .registered = true}));
        std::byte byte{};
        EXPECT_EQ(must(co_await file.write_at({&byte, 1}, 0)), 1U);
        EXPECT_EQ(l.statistics().by_registered_file, 0U);
        must(co_await file.close());
    });
}

TEST_F(uring_options_test, more_arenas_than_the_kernel_is_told_of_work_without_it) {
    run({}, "", [](loop&) -> task<> {
        std::vector<fs::buffer_arena> arenas;
        for (int i = 0; i < 20; ++i) arenas.push_back(must(fs::buffer_arena::create({.count = 1})));
        EXPECT_EQ(std::ranges::count_if(arenas, &fs::buffer_arena::registered), 16);
        EXPECT_NE(arenas.back().what_is_missing(), "");
        const temporary_directory directory;
        auto file = must(co_await fs::open(directory / "file", {.write = true, .create = true}));
        EXPECT_EQ(must(co_await file.write_at(arenas.back()[0], 0)), 4096U);
        arenas.clear();
        EXPECT_TRUE(must(fs::buffer_arena::create({.count = 1})).registered());
        must(co_await file.close());
        co_return;
    });
}

TEST_F(uring_options_test, huge_pages_are_huge_or_the_arena_says_why_not) {
    run({}, "", [](loop&) -> task<> {
        const fs::buffer_arena arena = must(fs::buffer_arena::create({.count = 3, .huge_pages = true}));
        EXPECT_EQ(arena.count(), 3U);
        EXPECT_NE(arena.huge_pages(), arena.what_is_missing().find("vm.nr_hugepages") != std::string::npos);
        arena[2][4095] = std::byte{1};
        const std::size_t size = mapping_figure(arena[2].data(), "KernelPageSize");
        EXPECT_EQ(size > 4, arena.huge_pages());
        if (!arena.transparent_huge_pages()) co_return;
        if (mapping_figure(arena[2].data(), "AnonHugePages") == 0) std::printf("no huge page is free just now\n");
        co_return;
    });
}

TEST_F(uring_options_test, polled_disks_are_polled_and_nothing_else_is) {
    run({.poll_disks = true}, "polled disks", [](loop& l) -> task<> {
        const temporary_directory directory;
        fs::buffer_arena arena = must(fs::buffer_arena::create({.buffer_size = block, .count = 5}));
        auto file =
            co_await fs::open(directory / "file", {.write = true, .create = true, .direct = true, .registered = true});
        if (!file) {
            std::printf("no O_DIRECT here: %s\n", file.error().message().c_str());
            co_return;
        }
        co_await write_and_read_back(*file, arena);
        // All of them where the device has queues to poll; else those that wait in the file system, and no others.
        const std::uint64_t polled = l.statistics().polled_on_disk;
        EXPECT_GE(polled, 1U);
        EXPECT_LE(polled, 8U);
        EXPECT_GE(l.statistics().by_registered_file, 8U);
        EXPECT_GE(l.statistics().by_registered_memory, 8U);
        EXPECT_TRUE(is_error(co_await file->read_at(arena[0].subspan(1), 0), std::errc::invalid_argument));
        must(co_await file->close());
        auto buffered = must(co_await fs::open(directory / "file"));
        EXPECT_EQ(must(co_await buffered.read_at(arena[0], 0)), block);
        EXPECT_LE(l.statistics().polled_on_disk, polled + 1);
        must(co_await buffered.close());
    });
}

// The loop does not sleep then, but it goes round: what else happens is not held up.
TEST_F(uring_options_test, sockets_and_timers_go_on_beside_a_polled_disk) {
    run({.poll_disks = true}, "polled disks", [](loop&) -> task<> {
        const temporary_directory directory;
        fs::buffer_arena arena = must(fs::buffer_arena::create({.buffer_size = block, .count = 1}));
        auto file = co_await fs::open(directory / "file", {.write = true, .create = true, .direct = true});
        if (!file) co_return;
        stream_pair pair = co_await connected();
        const auto write = [](fs::file& to, std::span<std::byte> from) -> task<> {
            for (std::size_t i = 0; i < 50; ++i) EXPECT_EQ(must(co_await to.write_at(from, i * block)), block);
        };
        co_await when_all(write(*file, arena[0]), play(pair.near, pair.far, 50),
                          [] -> task<> { must(co_await sleep_for(1ms)); }());
        must(co_await file->close());
    });
}

TEST_F(uring_options_test, more_on_a_polled_disk_than_its_queue_holds_waits) {
    loop_options options{.backend = "io_uring"};
    options.bounds = {.queue_entries = 2, .completion_entries = 4, .uring = {.poll_disks = true}};
    auto made = loop::create(std::move(options));
    if (!made) GTEST_SKIP() << made.error().message;
    (*made)->run([]() -> task<> {
        const temporary_directory directory;
        fs::buffer_arena arena = must(fs::buffer_arena::create({.buffer_size = block, .count = 1}));
        auto file = co_await fs::open(directory / "file", {.write = true, .create = true, .direct = true});
        if (!file) co_return;
        std::vector<task<>> writes;
        const auto write = [](fs::file& to, std::span<std::byte> from, std::uint64_t at) -> task<> {
            EXPECT_EQ(must(co_await to.write_at(from, at)), block);
        };
        for (std::uint64_t i = 0; i < 40; ++i) writes.push_back(write(*file, arena[0], i * block));
        co_await when_all(std::move(writes));
        EXPECT_GT(current_loop->statistics().busy, 0U);
        must(co_await file->close());
    }());
}

// --- Sending without copying -------------------------------------------------------------------------------

constexpr std::size_t much = std::size_t{256} << 10;

task<> send_some(net::stream& to, const std::string& all, int times) {
    for (int i = 0; i < times; ++i) must(co_await to.send(all));
    must(co_await to.close());
}

// The await ends with the notification and not with the first completion: from then on the memory is the caller's
// again.
TEST_F(uring_options_test, large_sends_are_not_copied_if_the_kernel_has_it_its_way) {
    run_lending(16384, [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        const std::string all = pattern(much);
        const auto send = [](loop& on, net::stream& to, std::string what) -> task<> {
            const std::array<io_slice, 2> halves{io_slice(std::string_view(what).substr(0, much / 2)),
                                                 io_slice(std::string_view(what).substr(much / 2))};
            must(co_await to.send(halves));
            EXPECT_GE(on.statistics().zero_copy_sends, 1U);
            std::fill(what.begin(), what.end(), '?');
            must(co_await to.close());
        };
        const auto receive = [](net::stream& from, const std::string& what) -> task<> {
            EXPECT_TRUE(same_bytes(co_await receive_to_end(from), what));
        };
        co_await when_all(send(l, pair.near, all), receive(pair.far, all));
    });
}

TEST_F(uring_options_test, small_sends_are_copied) {
    run_lending(16384, [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        co_await play(pair.near, pair.far, 5);
        EXPECT_EQ(l.statistics().zero_copy_sends, 0U);
    });
}

// Over loopback the kernel copies what was not to be copied, and says so.
TEST_F(uring_options_test, where_everything_is_copied_sends_go_plainly_for_a_while) {
    run_lending(4096, [](loop& l) -> task<> {
        stream_pair pair = co_await connected();
        const std::string some = pattern(8192);
        const auto drain = [](net::stream& from, std::size_t amount) -> task<> {
            for (std::size_t got = 0; got < amount;) {
                const lease piece = must(co_await from.receive());
                if (piece.empty()) break;
                got += piece.size();
            }
        };
        co_await when_all(send_some(pair.near, some, 100), drain(pair.far, 100 * some.size()));
        EXPECT_EQ(l.statistics().zero_copy_sends, 16U);
        EXPECT_GT(l.statistics().zero_copy_copied, 8U);
    });
}

TEST_F(uring_options_test, a_unix_socket_copies_all_the_same) {
    run_lending(4096, [](loop&) -> task<> {
        const temporary_directory directory;
        stream_pair pair = co_await connected(*endpoint::parse("unix:" + (directory / "socket")));
        const std::string all = pattern(much);
        co_await when_all(send_some(pair.near, all, 1), [](net::stream& from, const std::string& what) -> task<> {
            EXPECT_TRUE(same_bytes(co_await receive_to_end(from), what));
        }(pair.far, all));
    });
}

// A peer that reads nothing: the memory is the kernel's until the bytes are acknowledged, or the connection is gone.
TEST_F(uring_options_test, a_send_without_copying_can_be_cancelled) {
    run_lending(4096, [](loop&) -> task<> {
        const std::string all = pattern(std::size_t{8} << 20);
        for (const duration after : {duration{0}, duration{100us}, duration{1ms}, duration{20ms}}) {
            stream_pair pair = co_await connected();
            EXPECT_TRUE(
                is_error(co_await with_timeout(after, pair.near.send(std::string_view(all))), std::errc::timed_out));
        }
    });
}

}  // namespace
}  // namespace penstock
