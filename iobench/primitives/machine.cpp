#include "primitives/native_aio.hpp"
#include "primitives/placement.hpp"
#include "primitives/primitives.hpp"
#include "primitives/ring.hpp"
#include "primitives/stopwatch.hpp"
#include <penstock/detail/await.hpp>
#include <penstock/penstock.hpp>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace iobench {

namespace {

constexpr int ring_batch = 32;

timing system_call(double seconds, int) {
    return time_each(seconds, 1000, [] { ::syscall(SYS_getppid); });
}

/// A byte goes to and fro between two threads of one core.
class ping_pong {
  public:
    ping_pong() {
        bench::check(::pipe(there_.data()), "pipe");
        bench::check(::pipe(back_.data()), "pipe");
    }
    timing measure(double seconds) {
        stay_on_core(0);
        std::thread other([this] {
            while (take(there_)) give(back_);
        });
        const timing round = time_each(seconds, 100, [this] { give(there_), take(back_); });
        ::close(there_[1]);
        other.join();
        return round;
    }
    /// The same calls without a switch.
    timing measure_calls(double seconds) {
        stay_on_core(0);
        return time_each(seconds, 100, [this] { give(there_), take(there_); });
    }

  private:
    static void give(const std::array<int, 2>& pipe) {
        if (::write(pipe[1], "x", 1) != 1) bench::fail("write to a pipe", errno);
    }
    static bool take(const std::array<int, 2>& pipe) {
        char byte = 0;
        return ::read(pipe[0], &byte, 1) == 1;
    }
    std::array<int, 2> there_{};
    std::array<int, 2> back_{};
};

/// A round trip is two switches, two writes and two reads.
timing context_switch(double seconds, int) {
    ping_pong game;
    const timing calls = game.measure_calls(seconds / 4);
    const timing round = game.measure(seconds);
    return {round.nanoseconds / 2 - calls.nanoseconds, round.cpu_nanoseconds / 2 - calls.cpu_nanoseconds};
}

timing thread_start(double seconds, int) {
    return time_each(seconds, 10, [] { std::thread([] {}).join(); });
}

timing epoll_with_one_ready(double seconds, int) {
    const int epoll = bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    const int ready = bench::check(::eventfd(1, EFD_CLOEXEC), "eventfd");
    epoll_event event{};
    event.events = EPOLLIN;
    bench::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, ready, &event), "epoll_ctl");
    return time_each(seconds, 1000, [epoll] {
        epoll_event found{};
        ::epoll_wait(epoll, &found, 1, -1);
    });
}

timing ring_nops(double seconds, int at_once) {
    small_ring ring(64);
    const timing all = time_each(seconds, 100, [&] {
        for (int i = 0; i < at_once; ++i) ::io_uring_prep_nop(ring.prepare());
        ring.complete(static_cast<unsigned>(at_once));
    });
    return {all.nanoseconds / at_once, all.cpu_nanoseconds / at_once};
}

timing look_at_empty_queue(double seconds, int) {
    small_ring ring(8);
    return time_each(seconds, 1000, [&] {
        io_uring_cqe* entry = nullptr;
        if (::io_uring_peek_cqe(ring.get(), &entry) == 0) bench::fail("io_uring_peek_cqe", EPROTO);
    });
}

timing aio_nops(double seconds, int at_once) {
    small_aio aio(64);
    std::vector<iocb> nops(static_cast<std::size_t>(at_once));
    std::vector<iocb*> batch;
    const int file = bench::check(::eventfd(0, EFD_CLOEXEC), "eventfd");
    for (iocb& one : nops) {
        one.aio_lio_opcode = IOCB_CMD_NOOP;
        one.aio_fildes = static_cast<unsigned>(file);
        batch.push_back(&one);
    }
    if (!aio.takes(nops.front())) {
        std::fputs("this kernel's io_submit knows no NOOP\n", stderr);
        std::exit(1);
    }
    const timing all = time_each(seconds, 100, [&] { aio.submit(batch), aio.complete(at_once); });
    return {all.nanoseconds / at_once, all.cpu_nanoseconds / at_once};
}

penstock::task<timing> await_nops(double seconds) {
    constexpr int batch = 1000;
    co_return co_await [](double length) -> penstock::task<timing> {
        std::uint64_t done = 0;
        const stopwatch watch;
        while (watch.seconds() < length) {
            for (int i = 0; i < batch; ++i) co_await penstock::detail::awaited<penstock::detail::nop_op>();
            done += batch;
        }
        co_return watch.each(done);
    }(seconds);
}

timing coroutine_await(double seconds, int) {
    auto loop = penstock::loop::create({.backend = "null"});
    if (!loop) bench::fail(loop.error().message, EPROTO);
    return (*loop)->run(await_nops(seconds));
}

}  // namespace

std::vector<primitive> machine_primitives() {
    const auto one = [](timing (*of)(double, int)) { return [of](double seconds, int) { return of(seconds, 1); }; };
    const auto many = [](timing (*of)(double, int)) {
        return [of](double seconds, int) { return of(seconds, ring_batch); };
    };
    return {
        {"system call", system_call},
        {"context switch", context_switch},
        {"thread start and join", thread_start},
        {"epoll_wait with one ready", epoll_with_one_ready},
        {"look at an empty completion queue", look_at_empty_queue},
        {"io_uring nop, one at a time", one(ring_nops)},
        {"io_uring nop, 32 at a time", many(ring_nops)},
        {"io_submit nop, one at a time", one(aio_nops)},
        {"io_submit nop, 32 at a time", many(aio_nops)},
        {"coroutine await, null backend", coroutine_await},
    };
}

}  // namespace iobench
