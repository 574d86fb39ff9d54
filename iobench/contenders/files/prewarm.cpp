// Files that are not in the page cache, read by a loop that should not sleep on them: the older ways around that.
#include "contenders/files/content.hpp"
#include "contenders/files/experiment.hpp"
#include "contenders/files/file_work.hpp"
#include <penstock/penstock.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

namespace iobench {

namespace {

using penstock::task;

constexpr std::size_t ahead = 8;  // files that are asked for before they are read, or are read at once

/// What is read, and the longest time that the loop's thread could do nothing else.
struct progress_of {
    const experiment_setup& setup;
    std::size_t next = 0;
    double stall = 0;
};

void cool_down(const experiment_setup& setup) {
    for (const std::string& path : setup.paths) {
        const int fd = open_or_give_up(path, O_RDONLY);
        drop_from_cache(fd);
        ::close(fd);
    }
}

/// Opens, reads all, closes: what a program would do at once, or on a thread.
void read_whole(const experiment_setup& setup, std::size_t file, std::vector<std::byte>& into) {
    into.resize(setup.bytes);
    const int fd = open_or_give_up(setup.paths[file], O_RDONLY);
    if (::pread(fd, into.data(), into.size(), 0) != static_cast<::ssize_t>(into.size())) give_up("pread", errno);
    ::close(fd);
    check_bytes(into, setup, file, 0);
}

template <class Call>
void timed(progress_of& all, Call call) {
    const double before = clock_now();
    call();
    all.stall = std::max(all.stall, clock_now() - before);
}

// --- In the loop's own thread, asked for in advance or not ---

enum class hint { none, willneed, readahead };

void ask_for(const experiment_setup& setup, std::size_t file, hint how) {
    if (how == hint::none || file >= setup.paths.size()) return;
    const int fd = open_or_give_up(setup.paths[file], O_RDONLY);
    if (how == hint::willneed) ::posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED);
    if (how == hint::readahead) ::readahead(fd, 0, setup.bytes);
    ::close(fd);
}

void read_in_thread(progress_of& all, hint how) {
    std::vector<std::byte> bytes;
    for (std::size_t file = 0; file < ahead; ++file) timed(all, [&] { ask_for(all.setup, file, how); });
    for (std::size_t file = 0; file < all.setup.paths.size(); ++file) {
        timed(all, [&] { ask_for(all.setup, file + ahead, how); });
        timed(all, [&] { read_whole(all.setup, file, bytes); });
    }
}

// --- In a loop of penstock ---

/// Notes how late a timer is: for so long the loop did something else, or slept in a call.
task<void> watch(progress_of& all) {
    constexpr auto tick = std::chrono::milliseconds(1);
    for (;;) {
        const double before = clock_now();
        const auto slept = co_await penstock::sleep_for(tick);
        if (!slept) co_return;
        all.stall = std::max(all.stall, clock_now() - before - 0.001);
    }
}

task<void> read_on_pool(progress_of& all) {
    std::vector<std::byte> bytes;
    while (all.next < all.setup.paths.size()) {
        const std::size_t file = all.next++;
        const auto done = co_await penstock::run_blocking([&] { read_whole(all.setup, file, bytes); }, "read a file");
        if (!done) give_up("run_blocking: " + done.error().message());
    }
}

task<void> read_as_operations(progress_of& all) {
    std::vector<std::byte> bytes(all.setup.bytes);
    while (all.next < all.setup.paths.size()) {
        const std::size_t file = all.next++;
        auto opened = co_await penstock::fs::open(all.setup.paths[file]);
        if (!opened) give_up(opened.error().message());
        for (std::size_t filled = 0; filled < bytes.size();) {
            const auto count = co_await opened->read_at(std::span(bytes).subspan(filled), filled);
            if (!count || *count == 0) give_up("a read was cut short");
            filled += *count;
        }
        const auto closed = co_await opened->close();
        if (!closed) give_up(closed.error().message());
        check_bytes(bytes, all.setup, file, 0);
    }
}

task<void> read_in_loop(progress_of& all, task<void> (*one)(progress_of&)) {
    co_await penstock::with_scope([&](penstock::scope& watching) -> task<void> {
        watching.spawn(watch(all));
        std::vector<task<void>> readers;
        for (std::size_t i = 0; i < ahead; ++i) readers.push_back(one(all));
        co_await penstock::when_all(std::move(readers));
    });
}

void read_by_penstock(progress_of& all, const std::string& backend, task<void> (*one)(progress_of&)) {
    const auto engine = penstock::loop::create({.backend = backend});
    if (!engine) give_up(engine.error().message);
    (*engine)->run(read_in_loop(all, one));
}

void read_all(progress_of& all) {
    const std::string& who = all.setup.contender;
    if (who == "bare/read") return read_in_thread(all, hint::none);
    if (who == "bare/willneed") return read_in_thread(all, hint::willneed);
    if (who == "bare/readahead") return read_in_thread(all, hint::readahead);
    if (who == "penstock/run_blocking") return read_by_penstock(all, "epoll", read_on_pool);
    read_by_penstock(all, who.substr(who.find('/') + 1), read_as_operations);
}

sample run(const experiment_setup& setup) {
    if (setup.point.ends_with("cold")) cool_down(setup);
    progress_of all{setup};
    const double cpu = cpu_now();
    const double begun = clock_now();
    read_all(all);
    const double seconds = clock_now() - begun;
    const double mebibytes = static_cast<double>(setup.paths.size() * setup.bytes) / (1 << 20);
    return {
        {"mib_s", mebibytes / seconds}, {"stall_us", all.stall * 1e6}, {"cpu_us", (cpu_now() - cpu) / mebibytes * 1e6}};
}

}  // namespace

experiment prewarm_experiment() {
    return {"prewarm",
            {"bare/read", "bare/willneed", "bare/readahead", "penstock/run_blocking", "penstock/epoll+threads",
             "penstock/epoll+posix_aio", "penstock/epoll+linux_aio", "penstock/linux_aio", "penstock/io_uring"},
            run};
}

}  // namespace iobench
