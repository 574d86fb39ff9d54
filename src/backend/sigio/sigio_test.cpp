// What only signals do: they outlive their descriptor, their queue overflows, and they belong to a thread.
#include "backend/sigio/sigio.hpp"

#include "backend/readiness/readiness_fixture.hpp"
#include "support/signal_mask.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <csignal>

namespace penstock::detail {
namespace {

using testing::blocks;

/// How many signals the kernel queues for this user.
lowered_limit signal_queue_limit(::rlim_t most) { return {RLIMIT_SIGPENDING, most}; }

class sigio_test : public mechanism_fixture {
  protected:
    sigio_test() : mechanism_fixture(create_sigio) { options.ready_signal = SIGRTMIN + 5; }

    struct receiver {
        socket_pair pair;
        std::unique_ptr<receive_op> receive;
    };

    std::vector<receiver> make_receivers(int count) {
        std::vector<receiver> made;
        for (int i = 0; i < count; ++i) {
            made.push_back({accepted_tcp(), nullptr});
            made.back().receive = std::make_unique<receive_op>(handle{made.back().pair.far.get()});
        }
        return made;
    }

    /// All wait, something comes for each of them, and one turn is to tell it all.
    void tell_all_in_one_turn(const std::vector<receiver>& all) {
        for (const receiver& each : all) ASSERT_EQ(submit(*each.receive), submitted::queued);
        for (const receiver& each : all) put(each.pair.near, "hello");
        turn();
        for (const receiver& each : all) {
            ASSERT_TRUE(each.receive->final);
            EXPECT_EQ(taken(*each.receive), "hello");
        }
    }

    /// What the kernel would send, at any moment that a test wants.
    void send_signal(int fd, int code, long band) const {
        ::siginfo_t what{};
        what.si_signo = options.ready_signal;
        what.si_code = code;
        what.si_fd = fd;
        what.si_band = band;
        ASSERT_EQ(::syscall(SYS_rt_tgsigqueueinfo, ::getpid(), ::gettid(), options.ready_signal, &what), 0);
    }
};

TEST_F(sigio_test, a_late_signal_does_not_end_a_connect) {
    const unique_fd door = listening_tcp();
    ASSERT_EQ(::listen(door.get(), 0), 0);
    endpoint address;
    ::socklen_t size = endpoint::capacity;
    ASSERT_EQ(::getsockname(door.get(), reinterpret_cast<::sockaddr*>(address.raw()), &size), 0);
    address.set_raw_size(static_cast<std::uint16_t>(size));
    std::vector<std::unique_ptr<connect_op>> attempts;
    do {  // until the backlog is full, and the kernel ignores a SYN
        socket_op socket(address_family::ipv4, socket_type::stream);
        ASSERT_EQ(submit(socket), submitted::completed);
        attempts.push_back(std::make_unique<connect_op>(handle{socket.result}, address));
        if (submit(*attempts.back()) == submitted::completed) continue;
        for (int turns = 0; turns < 3; ++turns) turn(50ms);
    } while (attempts.back()->final && attempts.size() < 8);
    connect_op& pending = *attempts.back();
    send_signal(pending.target.id, POLL_OUT, POLLOUT);
    turn(0s);
    turn(0s);
    EXPECT_FALSE(pending.final) << "connected, said a signal of some earlier descriptor";
    cancel(pending);
    for (const auto& attempt : attempts) {
        unique_fd made(attempt->target.id);
        close(made);
    }
}

TEST_F(sigio_test, a_late_signal_does_not_touch_an_adopted_descriptor) {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);  // blocking, as standard streams are
    unique_fd reading(ends[0]);
    const unique_fd writing(ends[1]);
    adopt_op adopt(reading.get());
    ASSERT_EQ(submit(adopt), submitted::completed);
    read_op op({reading.get()});
    ASSERT_EQ(submit(op), submitted::queued);
    send_signal(reading.get(), POLL_IN, POLLIN);
    turn(0s);
    EXPECT_FALSE(op.final);
    EXPECT_EQ(::fcntl(reading.get(), F_GETFL) & (O_ASYNC | O_NONBLOCK), 0) << "others see these flags";
    ASSERT_EQ(::write(writing.get(), "hello", 5), 5);
    EXPECT_EQ(received(op), "hello");
    close(reading);
}

TEST_F(sigio_test, a_full_queue_loses_nothing_and_costs_one_turn) {
    std::vector<receiver> all = make_receivers(200);
    const auto few = signal_queue_limit(4);
    for (int round = 0; round < 5; ++round) {
        const std::uint64_t before = target->statistics().overflows;
        tell_all_in_one_turn(all);
        EXPECT_EQ(target->statistics().overflows, before + 1);
    }
    for (receiver& each : all) close(each.pair.far);
}

TEST_F(sigio_test, a_busy_turn_is_one_call) {
    std::vector<receiver> all = make_receivers(8);
    tell_all_in_one_turn(all);  // from here on it knows that it is busy
    const std::uint64_t before = target->statistics().enters;
    for (int round = 0; round < 100; ++round) tell_all_in_one_turn(all);
    EXPECT_EQ(target->statistics().enters - before, 100U);
    for (receiver& each : all) close(each.pair.far);
}

TEST_F(sigio_test, two_loops_of_a_thread_have_a_signal_each_and_share_the_overflow) {
    socket_pair pair = accepted_tcp();
    receive_op op({pair.far.get()});
    ASSERT_EQ(submit(op), submitted::queued);
    turn(0s);
    EXPECT_EQ(create().error().code, std::errc::device_or_resource_busy) << "the same signal";
    options.ready_signal = 0;
    const std::unique_ptr<backend> other = create().value();
    {
        const auto none = signal_queue_limit(0);
        put(pair.near, "hello");
    }
    turn(0s, *other);
    EXPECT_EQ(other->statistics().overflows, 1U);
    EXPECT_FALSE(op.final);
    turn(10s);
    EXPECT_TRUE(op.final) << "the other loop has met the signal that was for both";
    EXPECT_EQ(taken(op), "hello");
    close(pair.far);
}

int astray = 0;

TEST_F(sigio_test, what_is_left_in_the_queue_is_taken_out_at_the_end) {
    socket_pair pair = accepted_tcp();
    put(pair.near, "queued");
    close(pair.far);
    const auto before = ::signal(options.ready_signal, [](int) { ++astray; });
    target.reset();
    EXPECT_EQ(astray, 0);
    ::signal(options.ready_signal, before);
}

TEST_F(sigio_test, signals_to_a_loop_that_has_ended_end_nobody) {
    socket_pair pair = accepted_tcp();
    const unique_fd copy(::dup(pair.far.get()));  // as a forked child has one: the socket goes on sending signals
    ASSERT_TRUE(blocks(options.ready_signal));
    close(pair.far);
    target.reset();
    EXPECT_FALSE(blocks(options.ready_signal));
    EXPECT_FALSE(blocks(SIGIO));
    put(pair.near, "to nobody");
    const auto none = signal_queue_limit(0);
    put(pair.near, "SIGIO to nobody");
}

TEST_F(sigio_test, it_says_which_signal_it_took) {
    const auto said = [](const backend& by) { return std::string(by.capabilities()[op_kind::receive].why); };
    EXPECT_EQ(said(*target), "told by signal " + std::to_string(options.ready_signal));
    options.ready_signal = 0;
    const std::unique_ptr<backend> first = create().value();
    const std::unique_ptr<backend> second = create().value();
    EXPECT_EQ(said(*first), "told by signal " + std::to_string(SIGRTMIN));
    EXPECT_EQ(said(*second), "told by signal " + std::to_string(SIGRTMIN + 1));
}

}  // namespace
}  // namespace penstock::detail
