#include "primitives/native_aio.hpp"
#include "primitives/primitives.hpp"
#include "primitives/ring.hpp"
#include "primitives/stopwatch.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace iobench {

namespace {

/// So many descriptors, of which the last is ready, and stays so.
std::vector<int> descriptors(int count) {
    bench::raise_descriptor_limit();
    std::vector<int> all;
    for (int i = 1; i <= count; ++i) {
        all.push_back(bench::check(::eventfd(i == count ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd"));
    }
    return all;
}

void expect_one(int found, const char* by) {
    if (found != 1) bench::fail(by, found < 0 ? errno : EPROTO);
}

/// The array is kept: the kernel only writes what it found.
timing ask_poll(double seconds, int count) {
    std::vector<pollfd> all;
    for (const int fd : descriptors(count)) all.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    return time_each(seconds, 10, [&] { expect_one(::poll(all.data(), all.size(), -1), "poll"); });
}

/// The sets are overwritten, so each question begins with a copy, as in every program that uses it.
timing ask_select(double seconds, int count) {
    fd_set wanted;
    FD_ZERO(&wanted);
    int highest = 0;
    for (const int fd : descriptors(count)) {
        if (fd >= FD_SETSIZE) bench::fail("select: a descriptor beyond 1023", EBADF);
        FD_SET(fd, &wanted);
        highest = std::max(highest, fd);
    }
    return time_each(seconds, 10, [&] {
        fd_set found = wanted;
        expect_one(::select(highest + 1, &found, nullptr, nullptr, nullptr), "select");
    });
}

timing ask_epoll(double seconds, int count) {
    const int epoll = bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (const int fd : descriptors(count)) {
        epoll_event event{};
        event.events = EPOLLIN;
        bench::check(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
    return time_each(seconds, 10, [&] {
        epoll_event found[16];
        expect_one(::epoll_wait(epoll, found, 16, -1), "epoll_wait");
    });
}

/// The others are polled by requests that stay; the ready one is asked for anew each time.
timing ask_ring(double seconds, int count) {
    small_ring ring(256);
    const std::vector<int> all = descriptors(count);
    for (int i = 0; i + 1 < count; ++i) {
        io_uring_sqe* entry = ring.prepare();
        if (entry == nullptr) {
            ring.complete(0);
            entry = ring.prepare();
        }
        ::io_uring_prep_poll_add(entry, all[static_cast<std::size_t>(i)], POLLIN);
    }
    ring.complete(0);
    return time_each(seconds, 10, [&] {
        ::io_uring_prep_poll_add(ring.prepare(), all.back(), POLLIN);
        ring.complete(1);
    });
}

timing ask_aio(double seconds, int count) {
    small_aio aio(static_cast<unsigned>(count) + 1);
    std::vector<iocb> polls(static_cast<std::size_t>(count));
    std::vector<iocb*> idle;
    const std::vector<int> all = descriptors(count);
    for (std::size_t i = 0; i < all.size(); ++i) {
        polls[i].aio_lio_opcode = IOCB_CMD_POLL;
        polls[i].aio_fildes = static_cast<unsigned>(all[i]);
        polls[i].aio_buf = POLLIN;
        if (i + 1 < all.size()) idle.push_back(&polls[i]);
    }
    if (!idle.empty()) aio.submit(idle);
    std::vector<iocb*> ready = {&polls.back()};
    return time_each(seconds, 10, [&] { aio.submit(ready), aio.complete(1); });
}

}  // namespace

std::vector<primitive> readiness_questions() {
    return {{"bare/poll", ask_poll},
            {"bare/select", ask_select},
            {"bare/epoll", ask_epoll},
            {"bare/io_uring", ask_ring},
            {"bare/linux_aio", ask_aio}};
}

}  // namespace iobench
