#include "machine/backends.hpp"
#include "primitives/placement.hpp"
#include "primitives/primitives.hpp"
#include "primitives/ring.hpp"
#include "primitives/stopwatch.hpp"
#include <penstock/penstock.hpp>

#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <thread>

namespace iobench {

namespace {

/// Two threads that wake each other in turn. A Side is made on the thread that will sleep in it; wake() is called by
/// the other one. The last word that is passed on is to end.
template <class Side>
class wake_game {
  public:
    timing measure(double seconds, int cores) {
        const auto place = [cores](int side) { stay_on_core(cores == 1 ? 0 : side); };
        std::thread other([&, this] {
            place(1);
            Side mine;
            far_ = &mine;
            far_.notify_one();
            near_.wait(nullptr);
            Side* const back = near_;
            for (;;) {
                mine.sleep();
                const bool last = over_;
                back->wake(mine);
                if (last) return ended_.wait(false);  // what it is woken by must not go before it is
            }
        });
        place(0);
        timing taken;
        {
            Side mine;
            near_ = &mine;
            near_.notify_one();
            far_.wait(nullptr);
            Side* const there = far_;
            const auto round = [&] { there->wake(mine), mine.sleep(); };
            taken = time_each(seconds, 100, round);
            over_ = true;
            round();
            ended_ = true;
            ended_.notify_one();
            other.join();
        }
        return {taken.nanoseconds / 2, taken.cpu_nanoseconds / 2};
    }

  private:
    std::atomic<Side*> near_ = nullptr;
    std::atomic<Side*> far_ = nullptr;
    std::atomic<bool> over_ = false;
    std::atomic<bool> ended_ = false;
};

class futex_side {
  public:
    void sleep() {
        while (woken_.load(std::memory_order_acquire) == 0)
            ::syscall(SYS_futex, &woken_, FUTEX_WAIT_PRIVATE, 0, nullptr);
        woken_.store(0, std::memory_order_relaxed);
    }
    void wake(futex_side&) {
        woken_.store(1, std::memory_order_release);
        ::syscall(SYS_futex, &woken_, FUTEX_WAKE_PRIVATE, 1);
    }

  private:
    std::atomic<std::uint32_t> woken_ = 0;
};

class eventfd_side {
  public:
    ~eventfd_side() { ::close(event_); }
    void sleep() {
        std::uint64_t count = 0;
        if (::read(event_, &count, sizeof count) < 0) bench::fail("read of an eventfd", errno);
    }
    void wake(eventfd_side&) {
        constexpr std::uint64_t one = 1;
        if (::write(event_, &one, sizeof one) < 0) bench::fail("write to an eventfd", errno);
    }

  protected:
    int event_ = bench::check(::eventfd(0, EFD_CLOEXEC), "eventfd");
};

/// As a loop on epoll has it: edge-triggered, so that nobody has to read.
class epoll_side : public eventfd_side {
  public:
    epoll_side() {
        epoll_event event{};
        event.events = EPOLLIN | EPOLLET;
        bench::check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, event_, &event), "epoll_ctl");
    }
    ~epoll_side() { ::close(epoll_); }
    void sleep() {
        epoll_event found{};
        while (::epoll_wait(epoll_, &found, 1, -1) != 1) {
        }
    }

  private:
    int epoll_ = bench::check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
};

/// A message from ring to ring.
class ring_side {
  public:
    void sleep() { ring_.complete(1); }
    void wake(ring_side& by) {
        io_uring_sqe* const entry = by.ring_.prepare();
        ::io_uring_prep_msg_ring(entry, ring_.get()->ring_fd, 0, 0, 0);
        entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
        const int sent = ::io_uring_submit(by.ring_.get());
        if (sent < 0) bench::fail("IORING_OP_MSG_RING", -sent);
    }

  private:
    small_ring ring_{8};
};

/// Two loops that post to each other.
class post_game {
  public:
    explicit post_game(std::string backend) : backend_(std::move(backend)) {}

    timing measure(double seconds, int cores) {
        const auto place = [cores](int side) { stay_on_core(cores == 1 ? 0 : side); };
        std::thread other([&, this] {
            place(1);
            const auto loop = create();
            far_ = loop.get();
            far_.notify_one();
            loop->run(until_stopped());
        });
        place(0);
        const auto loop = create();
        near_ = loop.get();
        far_.wait(nullptr);
        const timing taken = loop->run(play(seconds));
        far_.load()->request_stop();
        other.join();
        return taken;
    }

  private:
    std::unique_ptr<penstock::loop> create() const {
        auto made = penstock::loop::create({.backend = backend_});
        if (!made) bench::fail(made.error().message, EPROTO);
        return std::move(*made);
    }
    static penstock::task<void> until_stopped() {
        const auto woken = co_await penstock::sleep_for(std::chrono::hours(1));
        static_cast<void>(woken);
    }
    penstock::task<timing> play(double seconds) {
        serve();
        co_await penstock::sleep_for(as_duration(seconds / 10));
        const std::uint64_t before = rounds_;
        const stopwatch watch;
        co_await penstock::sleep_for(as_duration(seconds));
        const timing taken = watch.each(2 * (rounds_ - before));
        over_ = true;
        while (!dropped_) co_await penstock::sleep_for(std::chrono::milliseconds(1));
        co_return taken;
    }
    static penstock::duration as_duration(double seconds) {
        return std::chrono::duration_cast<penstock::duration>(std::chrono::duration<double>(seconds));
    }
    /// From the near loop to the far one, and back.
    void serve() {
        far_.load()->post([this] { near_->post([this] { on_return(); }); });
    }
    void on_return() {
        ++rounds_;
        if (over_) {
            dropped_ = true;
        } else {
            serve();
        }
    }

    std::string backend_;
    penstock::loop* near_ = nullptr;
    std::atomic<penstock::loop*> far_ = nullptr;
    // Of the near loop's thread:
    std::uint64_t rounds_ = 0;
    bool over_ = false;
    bool dropped_ = false;
};

template <class Side>
primitive between(std::string name) {
    return {std::move(name), [](double seconds, int cores) { return wake_game<Side>().measure(seconds, cores); }};
}

}  // namespace

std::vector<primitive> wake_ups() {
    std::vector<primitive> all = {between<futex_side>("bare/futex"), between<eventfd_side>("bare/eventfd"),
                                  between<epoll_side>("bare/epoll"), between<ring_side>("bare/io_uring")};
    for (const auto& one : surveyed_backends()) {
        if (!one.works || one.name == "null" || one.capabilities.own_world) continue;
        all.push_back({"penstock/" + one.name, [name = one.name](double seconds, int cores) {
                           return post_game(name).measure(seconds, cores);
                       }});
    }
    return all;
}

}  // namespace iobench
