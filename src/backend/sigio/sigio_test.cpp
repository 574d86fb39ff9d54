// What only signals do: they outlive their descriptor, their queue overflows, and they belong to a thread.
#include "backend/sigio/sigio.hpp"

#include "backend/driven_backend.hpp"
#include "base/unique_fd.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace penstock::detail {
namespace {

bool blocked(int number) {
    ::sigset_t set;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &set);
    return ::sigismember(&set, number) == 1;
}

/// How many signals the kernel queues for this user, for as long as this lives.
class signal_queue_limit {
  public:
    explicit signal_queue_limit(::rlim_t most) {
        ::getrlimit(RLIMIT_SIGPENDING, &before_);
        const ::rlimit lower{.rlim_cur = most, .rlim_max = before_.rlim_max};
        EXPECT_EQ(::setrlimit(RLIMIT_SIGPENDING, &lower), 0);
    }
    ~signal_queue_limit() { ::setrlimit(RLIMIT_SIGPENDING, &before_); }
    signal_queue_limit(const signal_queue_limit&) = delete;
    signal_queue_limit& operator=(const signal_queue_limit&) = delete;

  private:
    ::rlimit before_{};
};

class sigio_test : public driven_backend {
  protected:
    void SetUp() override {
        options.ready_signal = SIGRTMIN + 5;
        target = must_create();
    }

    std::expected<std::unique_ptr<backend>, setup_error> create() { return create_sigio(environment()); }

    std::unique_ptr<backend> must_create() {
        auto made = create();
        EXPECT_TRUE(made.has_value()) << made.error().message;
        return made ? std::move(*made) : nullptr;
    }

    void cancel(operation& op) {
        target->cancel(op, out);
        EXPECT_EQ(finish(op), -ECANCELED);
    }

    void close(handle h, bool forget_only = false, backend* by = nullptr) {
        close_op op(h, forget_only);
        EXPECT_EQ(submit(op, by == nullptr ? *target : *by), submitted::completed);
    }

    handle open_socket() {
        socket_op op(address_family::ipv4, socket_type::stream);
        EXPECT_EQ(submit(op), submitted::completed);
        return {op.result};
    }

    /// A listening socket that no backend knows of, and its address.
    unique_fd listen_at(endpoint& address, int backlog = 512) {
        unique_fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ::sockaddr_in any{};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        EXPECT_EQ(::bind(listener.get(), reinterpret_cast<const ::sockaddr*>(&any), sizeof any), 0);
        EXPECT_EQ(::listen(listener.get(), backlog), 0);
        ::socklen_t size = endpoint::capacity;
        EXPECT_EQ(::getsockname(listener.get(), reinterpret_cast<::sockaddr*>(address.raw()), &size), 0);
        address.set_raw_size(static_cast<std::uint16_t>(size));
        return listener;
    }

    /// A connection of the backend's; the other side is a blocking socket of the test's.
    struct connection {
        handle near;
        unique_fd far;
    };
    connection connect(const unique_fd& listener, const endpoint& address) {
        connection made{.near = open_socket(), .far = {}};
        connect_op op(made.near, address);
        EXPECT_EQ(perform(op), 0);
        made.far = unique_fd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        return made;
    }

    /// What the kernel would send, at any moment that a test wants.
    void send_signal(int number, int fd, int code, long band) {
        ::siginfo_t what{};
        what.si_signo = number;
        what.si_code = code;
        what.si_fd = fd;
        what.si_band = band;
        ASSERT_EQ(::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), number, &what), 0);
    }
};

void put(const unique_fd& fd, std::string_view text) {
    ASSERT_EQ(::write(fd.get(), text.data(), text.size()), static_cast<::ssize_t>(text.size()));
}

TEST_F(sigio_test, a_late_signal_does_not_end_a_connect) {
    endpoint address;
    const unique_fd listener = listen_at(address, 0);
    std::vector<handle> clients;
    connect_op* pending = nullptr;
    std::vector<std::unique_ptr<connect_op>> attempts;
    for (int i = 0; i < 8 && pending == nullptr; ++i) {  // until the backlog is full, and the kernel ignores a SYN
        clients.push_back(open_socket());
        attempts.push_back(std::make_unique<connect_op>(clients.back(), address));
        if (submit(*attempts.back()) == submitted::completed) continue;
        for (int turns = 0; turns < 3; ++turns) turn(50ms);
        if (!attempts.back()->final) pending = attempts.back().get();
    }
    ASSERT_NE(pending, nullptr);
    send_signal(options.ready_signal, pending->target.id, POLL_OUT, POLLOUT);
    turn(0s);
    turn(0s);
    EXPECT_FALSE(pending->final) << "connected, said a signal of some earlier descriptor";
    cancel(*pending);
    for (const handle h : clients) close(h);
}

TEST_F(sigio_test, a_late_signal_does_not_touch_an_adopted_descriptor) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);  // blocking, as standard streams are
    const unique_fd reading(ends[0]);
    const unique_fd writing(ends[1]);
    adopt_op adopt(reading.get());
    ASSERT_EQ(submit(adopt), submitted::completed);
    read_op op({reading.get()});
    ASSERT_EQ(submit(op), submitted::queued);
    send_signal(options.ready_signal, reading.get(), POLL_IN, POLLIN);
    turn(0s);
    EXPECT_FALSE(op.final);
    EXPECT_EQ(::fcntl(reading.get(), F_GETFL) & (O_ASYNC | O_NONBLOCK), 0) << "others see these flags";
    put(writing, "hello");
    EXPECT_EQ(finish(op), 5);
    EXPECT_EQ(taken(op), "hello");
    close({reading.get()}, true);
}

TEST_F(sigio_test, the_end_behind_bytes_that_nobody_has_read_is_found) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    connection c = connect(listener, address);
    receive_op op(c.near);
    ASSERT_EQ(submit(op), submitted::queued);
    put(c.far, "first");
    EXPECT_GT(finish(op), 0);
    EXPECT_EQ(taken(op), "first");
    put(c.far, "second");
    c.far = unique_fd();
    for (int i = 0; i < 3; ++i) turn(20ms);  // both signals are taken, and nobody reads
    ASSERT_GT(perform(op), 0);
    EXPECT_EQ(taken(op), "second");
    EXPECT_EQ(perform(op), 0) << "the end came with a signal that looked like that of the bytes";
    close(c.near);
}

TEST_F(sigio_test, a_receive_ends_when_its_side_is_shut_down_from_here) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    const connection c = connect(listener, address);
    receive_op op(c.near);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(0s);
    shutdown_op shut(c.near, shutdown_side::receive);
    ASSERT_EQ(submit(shut), submitted::completed);
    EXPECT_EQ(finish(op), 0);
    close(c.near);
}

TEST_F(sigio_test, a_full_queue_loses_nothing_and_costs_one_turn) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    std::vector<connection> connections;
    std::vector<std::unique_ptr<receive_op>> waiting;
    for (int i = 0; i < 200; ++i) {
        connections.push_back(connect(listener, address));
        waiting.push_back(std::make_unique<receive_op>(connections.back().near));
    }
    const signal_queue_limit few(4);
    for (int round = 0; round < 5; ++round) {
        for (const auto& op : waiting) ASSERT_EQ(submit(*op), submitted::queued);
        const std::uint64_t before = target->statistics().overflows;
        for (const connection& c : connections) put(c.far, "hello");
        turn();
        for (const auto& op : waiting) {
            ASSERT_TRUE(op->final);
            EXPECT_EQ(taken(*op), "hello");
        }
        EXPECT_EQ(target->statistics().overflows, before + 1);
    }
    for (const connection& c : connections) close(c.near);
}

TEST_F(sigio_test, two_loops_of_a_thread_have_a_signal_each_and_share_the_overflow) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    const connection c = connect(listener, address);
    receive_op op(c.near);
    ASSERT_EQ(submit(op), submitted::queued);
    turn(0s);
    EXPECT_EQ(create().error().code, std::errc::device_or_resource_busy) << "the same signal";
    options.ready_signal = 0;
    const std::unique_ptr<backend> other = must_create();
    {
        const signal_queue_limit none(0);
        put(c.far, "hello");
    }
    turn(0s, *other);
    EXPECT_EQ(other->statistics().overflows, 1U);
    EXPECT_FALSE(op.final);
    turn(10s);
    EXPECT_TRUE(op.final) << "the other loop has met the signal that was for both";
    EXPECT_EQ(taken(op), "hello");
    close(c.near);
}

int astray = 0;

TEST_F(sigio_test, what_is_left_in_the_queue_is_taken_out_at_the_end) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    const connection c = connect(listener, address);
    put(c.far, "queued");
    close(c.near);
    const auto before = ::signal(options.ready_signal, [](int) { ++astray; });
    target.reset();
    EXPECT_EQ(astray, 0);
    ::signal(options.ready_signal, before);
}

TEST_F(sigio_test, signals_to_a_loop_that_has_ended_end_nobody) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    const connection c = connect(listener, address);
    const unique_fd copy(::dup(c.near.id));  // as a forked child has one: the socket goes on sending signals
    ASSERT_TRUE(blocked(options.ready_signal));
    close(c.near);
    target.reset();
    EXPECT_FALSE(blocked(options.ready_signal));
    EXPECT_FALSE(blocked(SIGIO));
    put(c.far, "to nobody");
    const signal_queue_limit none(0);
    put(c.far, "SIGIO to nobody");
}

TEST_F(sigio_test, what_was_blocked_before_stays_so) {
    target.reset();
    ::sigset_t set;
    ::sigemptyset(&set);
    ::sigaddset(&set, SIGIO);
    ::sigaddset(&set, options.ready_signal);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    target = must_create();
    target.reset();
    EXPECT_TRUE(blocked(SIGIO));
    EXPECT_TRUE(blocked(options.ready_signal));
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

TEST_F(sigio_test, signals_of_the_program_are_refused_with_advice) {
    options.ready_signal = SIGTERM;
    EXPECT_NE(create().error().message.find("choose one of 34 to 64"), std::string::npos) << create().error().message;
    options.ready_signal = SIGRTMIN + 7;
    ::signal(SIGRTMIN + 7, [](int) {});
    EXPECT_NE(create().error().message.find("is used by the program"), std::string::npos) << create().error().message;
    ::signal(SIGRTMIN + 7, SIG_DFL);
    EXPECT_TRUE(create().has_value());

    const auto before = ::signal(SIGIO, [](int) {});
    EXPECT_NE(create().error().message.find("handler for SIGIO"), std::string::npos) << create().error().message;
    ::signal(SIGIO, before);
}

TEST_F(sigio_test, a_busy_turn_is_one_call) {
    endpoint address;
    const unique_fd listener = listen_at(address);
    std::vector<connection> connections;
    std::vector<std::unique_ptr<receive_op>> waiting;
    for (int i = 0; i < 8; ++i) {
        connections.push_back(connect(listener, address));
        waiting.push_back(std::make_unique<receive_op>(connections.back().near));
    }
    std::uint64_t before = 0;
    for (int round = 0; round < 101; ++round) {
        for (const auto& op : waiting) ASSERT_EQ(submit(*op), submitted::queued);
        for (const connection& c : connections) put(c.far, "hello");
        if (round == 1) before = target->statistics().enters;  // from here on it knows that it is busy
        turn();
        for (const auto& op : waiting) {
            ASSERT_TRUE(op->final);
            EXPECT_EQ(taken(*op), "hello");
        }
    }
    EXPECT_EQ(target->statistics().enters - before, 100U);
    for (const connection& c : connections) close(c.near);
}

}  // namespace
}  // namespace penstock::detail
