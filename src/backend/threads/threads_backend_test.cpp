// Each operation on the blocking backend, driven through the contract alone.
#include "backend/threads/threads_backend.hpp"

#include "backend/threads/interrupt_signal.hpp"
#include "backend/threads/threads_fixture.hpp"

#include <sys/signalfd.h>
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <thread>
#include <vector>

namespace penstock::detail {
namespace {

TEST_F(threads_test, operations_that_cannot_block_complete_at_once) {
    nop_op nop;
    EXPECT_EQ(submit(nop), submitted::completed);
    EXPECT_EQ(nop.result, 0);
    socket_op socket(address_family::ipv4, socket_type::stream);
    ASSERT_EQ(submit(socket), submitted::completed);
    ASSERT_GE(socket.result, 0);
    EXPECT_TRUE(is_blocking(socket.result));
    close_op close({socket.result});
    EXPECT_EQ(submit(close), submitted::completed);
    EXPECT_EQ(close.result, 0);
}

TEST_F(threads_test, a_connection_carries_bytes_both_ways_and_ends) {
    const tcp_listener listener;
    accept_op accept(of(listener.socket), 4);
    ASSERT_EQ(submit(accept), submitted::queued);
    const unique_fd client = tcp_socket();
    connect_op connect(of(client), listener.address);
    EXPECT_EQ(perform(connect), 0);
    EXPECT_EQ(finish(accept), 1);
    const unique_fd server(accept.accepted.pop().id);
    EXPECT_TRUE(is_blocking(server.get()));

    receive_op receive_there(of(server));
    receive_op receive_here(of(client));
    EXPECT_EQ(send(of(client), "ping"), 0);
    EXPECT_EQ(receive(receive_there), "ping");
    EXPECT_EQ(send(of(server), "pong"), 0);
    EXPECT_EQ(receive(receive_here), "pong");

    shutdown_op end(of(server), shutdown_side::send);
    EXPECT_EQ(perform(end), 0);
    EXPECT_EQ(perform(receive_here), 0);
}

TEST_F(threads_test, accept_may_be_submitted_again_while_handles_wait_to_be_taken) {
    const tcp_listener listener;
    accept_op accept(of(listener.socket), 4);
    std::array<unique_fd, 3> clients;
    for (unique_fd& client : clients) {
        client = tcp_socket();
        connect_op connect(of(client), listener.address);
        EXPECT_EQ(perform(connect), 0);
        EXPECT_EQ(perform(accept), 1);
    }
    EXPECT_EQ(accept.accepted.size(), 3U);
    while (!accept.accepted.empty()) unique_fd(accept.accepted.pop().id);
}

TEST_F(threads_test, a_refused_connection_says_so) {
    endpoint nobody;
    {
        const tcp_listener gone;
        nobody = gone.address;
    }
    const unique_fd client = tcp_socket();
    connect_op connect(of(client), nobody);
    EXPECT_EQ(perform(connect), -ECONNREFUSED);
}

TEST_F(threads_test, a_reset_is_reported_although_the_peek_has_consumed_it) {
    const tcp_listener listener;
    const unique_fd client = tcp_socket();
    connect_op connect(of(client), listener.address);
    ASSERT_EQ(perform(connect), 0);
    receive_op receive_here(of(client));
    ASSERT_EQ(submit(receive_here), submitted::queued);
    let_block();
    {
        const unique_fd server(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
        const ::linger at_once{.l_onoff = 1, .l_linger = 0};
        ASSERT_EQ(::setsockopt(server.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    }
    EXPECT_EQ(finish(receive_here), -ECONNRESET);
}

TEST_F(threads_test, a_send_larger_than_every_buffer_goes_out_whole) {
    const unix_pair pair;
    const std::string first(700'000, 'a');
    const std::string second(500'001, 'b');
    const std::array<io_slice, 2> slices{io_slice(first), io_slice(second)};
    send_op op(of(pair.near), slices.data(), slices.size());
    ASSERT_EQ(submit(op), submitted::queued);
    std::string arrived;
    std::thread reader([&] {
        while (arrived.size() < first.size() + second.size()) arrived += take(pair.far, 65536);
    });
    EXPECT_EQ(finish(op), 0);
    reader.join();
    EXPECT_EQ(op.transferred, first.size() + second.size());
    EXPECT_TRUE(arrived == first + second);
}

TEST_F(threads_test, a_send_that_fits_wakes_no_thread) {
    const unix_pair pair;
    const std::uint64_t before = target->statistics().enters;
    const std::string text = "fits";
    const io_slice slice(text);
    send_op op(of(pair.near), &slice, 1);
    EXPECT_EQ(submit(op), submitted::completed);
    EXPECT_EQ(op.result, 0);
    EXPECT_EQ(take(pair.far), text);
    EXPECT_EQ(target->statistics().enters, before);
}

TEST_F(threads_test, a_send_to_a_closed_peer_is_an_error_and_no_signal) {
    unix_pair pair;
    pair.far = unique_fd();
    EXPECT_EQ(send(of(pair.near), "x"), -EPIPE);
}

TEST_F(threads_test, an_adopted_non_blocking_socket_is_waited_for_in_both_directions) {
    const unix_pair pair(SOCK_NONBLOCK);
    receive_op receive_here(of(pair.near));
    ASSERT_EQ(submit(receive_here), submitted::queued);
    let_block();
    put(pair.far, "late");
    EXPECT_EQ(finish(receive_here), 4);
    EXPECT_EQ(taken(receive_here), "late");

    const std::string much(1'000'000, 'c');
    const io_slice slice(much);
    send_op op(of(pair.near), &slice, 1);
    ASSERT_EQ(submit(op), submitted::queued);
    let_block();
    std::size_t arrived = 0;
    while (arrived < much.size()) {
        arrived += take(pair.far, 65536).size();
        turn(0s);
    }
    EXPECT_EQ(finish(op), 0);
}

TEST_F(threads_test, an_adopted_non_blocking_listener_and_client_meet) {
    const tcp_listener listener(64, SOCK_NONBLOCK);
    accept_op accept(of(listener.socket), 1);
    ASSERT_EQ(submit(accept), submitted::queued);
    let_block();
    const unique_fd client = tcp_socket(SOCK_NONBLOCK);
    connect_op connect(of(client), listener.address);
    EXPECT_EQ(perform(connect), 0);
    EXPECT_EQ(finish(accept), 1);
    const unique_fd server(accept.accepted.pop().id);
}

TEST_F(threads_test, read_and_write_wait_on_a_pipe_of_our_own) {
    pipe_op pipe;
    ASSERT_EQ(perform(pipe), 0);
    const unique_fd read_end(pipe.read_end.id);
    unique_fd write_end(pipe.write_end.id);
    const std::string much(300'000, 'd');
    const io_slice slice(much);
    write_op write(pipe.write_end, &slice, 1);
    ASSERT_EQ(submit(write), submitted::queued);
    let_block();
    read_op read(pipe.read_end);
    std::size_t arrived = 0;
    while (arrived < much.size()) arrived += receive(read).size();
    EXPECT_EQ(finish(write), 0);

    ASSERT_EQ(submit(read), submitted::queued);
    let_block();
    write_end = unique_fd();
    EXPECT_EQ(finish(read), 0);
}

TEST_F(threads_test, signals_are_read_through_their_descriptor) {
    ::sigset_t mine;
    ::sigemptyset(&mine);
    ::sigaddset(&mine, SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &mine, nullptr);
    signals_op open(std::uint64_t{1} << (SIGUSR2 - 1));
    ASSERT_GE(perform(open), 0);
    const unique_fd signals(open.result);
    read_op read(of(signals));
    ASSERT_EQ(submit(read), submitted::queued);
    let_block();
    ::kill(::getpid(), SIGUSR2);
    EXPECT_EQ(finish(read), static_cast<std::int32_t>(sizeof(::signalfd_siginfo)));
    taken(read);
}

TEST_F(threads_test, the_signal_that_interrupts_workers_cannot_be_read_as_the_programs) {
    signals_op open(std::uint64_t{1} << (interrupt_signal() - 1));
    EXPECT_EQ(perform(open), -EINVAL);
}

class threads_file_test : public threads_test {
  protected:
    void SetUp() override {
        threads_test::SetUp();
        path = (::testing::TempDir() + "penstock_threads_XXXXXX");
        const unique_fd created(::mkstemp(path.data()));
        ASSERT_TRUE(created);
    }
    void TearDown() override { ::unlink(path.c_str()); }

    std::string path;
};

TEST_F(threads_file_test, files_are_opened_written_read_synced_and_measured) {
    open_op open(path.c_str(), {.write = true});
    ASSERT_GE(perform(open), 0);
    const unique_fd file(open.result);
    const io_slice text(std::string_view("0123456789"));
    write_at_op write(of(file), &text, 1, 5);
    EXPECT_EQ(perform(write), 10);
    sync_op sync(of(file), true);
    EXPECT_EQ(perform(sync), 0);

    std::array<char, 16> memory{};
    const io_slice space(memory.data(), memory.size());
    read_at_op read(of(file), &space, 1, 10);
    EXPECT_EQ(perform(read), 5);
    EXPECT_EQ(std::string_view(memory.data(), 5), "56789");
    status_op status(of(file));
    EXPECT_EQ(perform(status), 0);
}

TEST_F(threads_file_test, a_missing_file_is_an_error) {
    open_op open("/nonexistent/file", {});
    EXPECT_EQ(perform(open), -ENOENT);
}

TEST_F(threads_file_test, read_and_write_work_at_the_files_own_position) {
    open_op open(path.c_str(), {.write = true});
    ASSERT_GE(perform(open), 0);
    const unique_fd file(open.result);
    const io_slice text(std::string_view("plain"));
    write_op write(of(file), &text, 1);
    EXPECT_EQ(perform(write), 0);
    ASSERT_EQ(::lseek(file.get(), 0, SEEK_SET), 0);
    read_op read(of(file));
    EXPECT_EQ(receive(read), "plain");
    EXPECT_EQ(perform(read), 0);
}

TEST_F(threads_file_test, more_files_than_their_threads_queue_and_all_end) {
    open_op open(path.c_str(), {.write = true});
    ASSERT_GE(perform(open), 0);
    const unique_fd file(open.result);
    const io_slice text(std::string_view("z"));
    std::vector<std::unique_ptr<write_at_op>> writes;
    for (std::uint64_t i = 0; i < 500; ++i) {
        writes.push_back(std::make_unique<write_at_op>(of(file), &text, 1, i));
        ASSERT_EQ(submit(*writes.back()), submitted::queued);
    }
    for (const auto& write : writes) EXPECT_EQ(finish(*write), 1);
    struct ::stat status{};
    ASSERT_EQ(::fstat(file.get(), &status), 0);
    EXPECT_EQ(status.st_size, 500);
}

TEST_F(threads_test, splice_waits_for_either_side) {
    const unix_pair pair;
    pipe_op pipe;
    ASSERT_EQ(perform(pipe), 0);
    const unique_fd read_end(pipe.read_end.id);
    const unique_fd write_end(pipe.write_end.id);

    splice_op in(of(pair.near), pipe.write_end, 4096, true);
    ASSERT_EQ(submit(in), submitted::queued);
    let_block();
    put(pair.far, "through the pipe");
    EXPECT_EQ(finish(in), 16);
    splice_op back(pipe.read_end, of(pair.near), 4096, false);
    EXPECT_EQ(perform(back), 16);
    EXPECT_EQ(take(pair.far), "through the pipe");
}

TEST_F(threads_test, a_splice_that_waits_for_the_other_side_does_not_fail) {
    const unix_pair pair;
    pipe_op pipe;
    ASSERT_EQ(perform(pipe), 0);
    const unique_fd read_end(pipe.read_end.id);
    const unique_fd write_end(pipe.write_end.id);
    const std::string filling(65536, 'f');
    put(write_end, filling);
    put(pair.far, "more");
    splice_op in(of(pair.near), pipe.write_end, 4096, true);
    ASSERT_EQ(submit(in), submitted::queued);
    let_block();
    EXPECT_FALSE(in.final);
    std::size_t drained = 0;
    while (drained < filling.size()) drained += take(read_end, 65536).size();
    EXPECT_EQ(finish(in), 4);
}

// --- Buffers ---------------------------------------------------------------------------------------------

TEST_F(threads_test, idle_receives_own_no_buffer_and_an_empty_pool_parks_them) {
    std::vector<lease> all;
    const std::array<unix_pair, 3> pairs;
    std::vector<std::unique_ptr<receive_op>> receives;
    for (const unix_pair& pair : pairs) {
        receives.push_back(std::make_unique<receive_op>(of(pair.near)));
        ASSERT_EQ(submit(*receives.back()), submitted::queued);
    }
    let_block();
    EXPECT_EQ(pool.available(), pool.count());
    while (pool.available() > 0) all.push_back(pool.lend());
    for (const unix_pair& pair : pairs) put(pair.far, "hello");
    const time_point limit = clock::now() + 10s;
    while (target->statistics().parked < 3 && clock::now() < limit) turn(10ms);
    for (const auto& receive : receives) EXPECT_FALSE(receive->final);

    cancel(*receives[0]);
    EXPECT_TRUE(receives[0]->final);
    EXPECT_EQ(receives[0]->result, -ECANCELED);
    all.pop_back();
    turn(0s);
    EXPECT_NE(receives[1]->final, receives[2]->final);  // one buffer, for whichever was parked first
    all.clear();
    EXPECT_EQ(finish(*receives[1]), 5);
    EXPECT_EQ(finish(*receives[2]), 5);
    for (const auto& receive : receives) taken(*receive);
}

TEST_F(threads_test, a_read_without_a_buffer_starts_when_there_is_one) {
    std::vector<lease> all;
    while (pool.available() > 0) all.push_back(pool.lend());
    const unix_pair pair;
    put(pair.far, "text");
    read_op read(of(pair.near));
    ASSERT_EQ(submit(read), submitted::queued);
    let_block();
    EXPECT_FALSE(read.final);
    all.clear();
    EXPECT_EQ(finish(read), 4);
    EXPECT_EQ(taken(read), "text");
    EXPECT_EQ(pool.available(), pool.count());
}

// --- What the backend says of itself ---------------------------------------------------------------------

TEST_F(threads_test, denied_operations_are_answered_and_named) {
    options.denied = {op_kind::accept, op_kind::socket};
    create();
    EXPECT_EQ(target->capabilities()[op_kind::accept].support, support::unsupported);
    EXPECT_EQ(target->capabilities()[op_kind::connect].support, support::native);
    const tcp_listener listener;
    accept_op accept(of(listener.socket), 1);
    EXPECT_EQ(submit(accept), submitted::completed);
    EXPECT_EQ(accept.result, -EOPNOTSUPP);
    socket_op socket(address_family::ipv4, socket_type::stream);
    EXPECT_EQ(perform(socket), -EOPNOTSUPP);
}

TEST_F(threads_test, too_few_threads_are_refused_with_a_reason) {
    options.max_threads = 2;
    const auto made = create_threads({.options = options, .buffers = pool, .workers = workers});
    ASSERT_FALSE(made.has_value());
    EXPECT_NE(made.error().message.find("max_threads is 2; at least 3"), std::string::npos) << made.error().message;
    options.max_threads = 3;
    create();
    EXPECT_EQ(target->capabilities().most_waiting, 1U);
}

TEST(shares, leave_something_for_everyone) {
    for (std::uint32_t threads = fewest_threads; threads < 2000; ++threads) {
        const share_limits limits = divide(threads);
        EXPECT_EQ(limits[0], 0U);
        EXPECT_EQ(limits[1] + limits[2] + limits[3], threads);
        for (const std::size_t i : {1U, 2U, 3U}) EXPECT_GE(limits[i], 1U) << threads;
    }
}

}  // namespace
}  // namespace penstock::detail
