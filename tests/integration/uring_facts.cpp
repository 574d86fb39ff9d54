// What docs/guide/io-models.md says of io_uring, tried on the kernel that runs here, without penstock: a case per
// sentence. (For the other mechanisms: kernel_facts.py.)
#include <arpa/inet.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

void check(bool holds, const char* what, long found) {
    if (holds) return;
    std::printf("FAIL  %s: %ld\n", what, found);
    std::exit(1);
}

struct completion {
    std::uint64_t data = 0;
    int result = 0;
    unsigned flags = 0;
};

class ring {
  public:
    explicit ring(unsigned entries, unsigned flags = 0, unsigned completions = 0) {
        io_uring_params parameters{};
        parameters.flags = flags | (completions != 0 ? IORING_SETUP_CQSIZE : 0U);
        parameters.cq_entries = completions;
        error = ::io_uring_queue_init_params(entries, &native, &parameters);
    }
    ~ring() {
        if (error == 0) ::io_uring_queue_exit(&native);
    }
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;

    template <class Prepare>
    void add(std::uint64_t data, Prepare prepare, unsigned flags = 0) {
        io_uring_sqe* const entry = ::io_uring_get_sqe(&native);
        prepare(entry);
        entry->flags |= flags;
        entry->user_data = data;
    }

    void submit() { ::io_uring_submit(&native); }

    // All that come within a while; `expected` of them end the wait.
    std::vector<completion> take(std::size_t expected, std::chrono::milliseconds limit = 5000ms) {
        std::vector<completion> found;
        __kernel_timespec left{.tv_sec = limit.count() / 1000, .tv_nsec = limit.count() % 1000 * 1'000'000};
        while (found.size() < expected) {
            io_uring_cqe* entry = nullptr;
            if (::io_uring_wait_cqe_timeout(&native, &entry, &left) != 0) break;
            found.push_back({entry->user_data, entry->res, entry->flags});
            ::io_uring_cqe_seen(&native, entry);
        }
        return found;
    }

    io_uring native{};
    int error = 0;
};

struct sockets {
    sockets() { ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()); }
    ~sockets() {
        for (const int end : ends) ::close(end);
    }
    sockets(const sockets&) = delete;
    sockets& operator=(const sockets&) = delete;
    int near() const { return ends[0]; }
    int far() const { return ends[1]; }
    void say(const char* text) const { check(::write(near(), text, std::strlen(text)) > 0, "write", errno); }
    std::array<int, 2> ends{};
};

int result_of(const std::vector<completion>& all, std::uint64_t data) {
    const auto found = std::ranges::find(all, data, &completion::data);
    return found == all.end() ? 1 << 30 : found->result;
}

void closing_the_descriptor_does_not_end_a_receive() {
    ring queue(4);
    sockets pair;
    std::array<char, 8> bytes{};
    queue.add(1, [&](auto* e) { ::io_uring_prep_recv(e, pair.far(), bytes.data(), bytes.size(), 0); });
    queue.submit();
    ::close(pair.ends[1]);
    check(queue.take(1, 100ms).empty(), "a completion came after close()", 1);
    pair.say("late");
    check(result_of(queue.take(1), 1) == 4, "what the receive got after close()", 0);
}

void a_cancel_has_a_completion_of_its_own_and_later_finds_nothing() {
    ring queue(4);
    sockets pair;
    std::array<char, 8> bytes{};
    const auto cancel = [](auto* e) { ::io_uring_prep_cancel64(e, 1, 0); };
    queue.add(1, [&](auto* e) { ::io_uring_prep_recv(e, pair.far(), bytes.data(), bytes.size(), 0); });
    queue.submit();
    queue.add(2, cancel);
    queue.submit();
    const auto both = queue.take(2);
    check(result_of(both, 1) == -ECANCELED, "the receive", result_of(both, 1));
    check(result_of(both, 2) == 0, "the cancel", result_of(both, 2));
    queue.add(3, cancel);
    queue.submit();
    const int late = result_of(queue.take(1), 3);
    check(late == -ENOENT, "a cancel of what has ended", late);
}

void entries_are_not_in_order_unless_linked() {
    ring queue(4);
    sockets pair;
    std::array<char, 8> bytes{};
    const auto receive = [&](auto* e) { ::io_uring_prep_recv(e, pair.far(), bytes.data(), bytes.size(), 0); };
    queue.add(1, receive);
    queue.add(2, [](auto* e) { ::io_uring_prep_nop(e); });
    queue.submit();
    check(queue.take(1).at(0).data == 2, "the second did not overtake the first, which waits", 0);
    pair.say("a");
    check(queue.take(1).at(0).data == 1, "the first", 0);
    queue.add(1, receive, IOSQE_IO_LINK);
    queue.add(2, [](auto* e) { ::io_uring_prep_nop(e); });
    queue.submit();
    check(queue.take(1, 100ms).empty(), "what is linked did not wait", 0);
    pair.say("b");
    const auto all = queue.take(2);
    check(all.size() == 2 && all[0].data == 1, "the order of linked ones", 0);
}

void a_short_read_severs_the_chain() {
    ring queue(4);
    std::array<char, 100> bytes{};
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    const auto end = static_cast<std::uint64_t>(::lseek(file, 0, SEEK_END));
    queue.add(1, [&](auto* e) { ::io_uring_prep_read(e, file, bytes.data(), 100, end - 10); }, IOSQE_IO_LINK);
    queue.add(2, [](auto* e) { ::io_uring_prep_nop(e); });
    queue.submit();
    const auto all = queue.take(2);
    check(result_of(all, 1) == 10, "the read at the end of a file", result_of(all, 1));
    check(result_of(all, 2) == -ECANCELED, "what was linked to it", result_of(all, 2));
    ::close(file);
}

void with_defer_taskrun_a_look_shows_nothing_and_the_flag_says_so() {
    ring queue(4, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG);
    if (queue.error != 0) return;  // Linux before 6.1
    sockets pair;
    std::array<char, 8> bytes{};
    queue.add(1, [&](auto* e) { ::io_uring_prep_recv(e, pair.far(), bytes.data(), bytes.size(), 0); });
    queue.submit();
    pair.say("a");
    check(::io_uring_cq_ready(&queue.native) == 0, "completions before an enter", ::io_uring_cq_ready(&queue.native));
    const unsigned flags = *queue.native.sq.kflags;
    check((flags & IORING_SQ_TASKRUN) != 0, "IORING_SQ_TASKRUN is not set", flags);
    check(queue.take(1).size() == 1, "the completion after an enter", 0);
    ring with_sqpoll(4, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SQPOLL);
    check(with_sqpoll.error == -EINVAL, "SQPOLL beside DEFER_TASKRUN", with_sqpoll.error);
}

void a_multishot_receive_ends_when_no_buffer_is_left() {
    ring queue(8);
    sockets pair;
    std::array<char, 8> only{};
    queue.add(9, [&](auto* e) { ::io_uring_prep_provide_buffers(e, only.data(), 8, 1, 1, 0); });
    queue.submit();
    check(result_of(queue.take(1), 9) >= 0, "a provided buffer", 0);
    const auto receive = [&](auto* e) {
        ::io_uring_prep_recv_multishot(e, pair.far(), nullptr, 0, 0);
        e->buf_group = 1;
    };
    queue.add(1, receive, IOSQE_BUFFER_SELECT);
    queue.submit();
    pair.say("first");
    const auto first = queue.take(1);
    if (first.at(0).result == -EINVAL) return;  // Linux before 6.0
    check(first.at(0).result == 5 && (first.at(0).flags & IORING_CQE_F_MORE) != 0, "the first", first.at(0).result);
    check((first.at(0).flags & IORING_CQE_F_BUFFER) != 0, "it says which buffer", first.at(0).flags);
    pair.say("second");
    const auto last = queue.take(1);
    check(last.at(0).result == -ENOBUFS && (last.at(0).flags & IORING_CQE_F_MORE) == 0, "the last", last.at(0).result);
}

void an_overflow_loses_nothing_but_ends_multishots() {
    ring queue(2, 0, 2);
    sockets pair;
    queue.add(1, [&](auto* e) { ::io_uring_prep_poll_multishot(e, pair.far(), POLLIN); });
    queue.submit();
    for (std::uint64_t i = 10; i < 20; ++i) {
        queue.add(i, [](auto* e) { ::io_uring_prep_nop(e); });
        queue.submit();
    }
    check(::io_uring_cq_has_overflow(&queue.native), "no overflow with 10 completions for 2 places", 0);
    pair.say("a");
    const auto all = queue.take(11);
    check(all.size() == 11, "completions after the overflow", static_cast<long>(all.size()));
    const auto poll = std::ranges::find(all, 1U, &completion::data);
    check(poll != all.end() && (poll->flags & IORING_CQE_F_MORE) == 0, "the multishot poll is still armed", 1);
}

void multishot_accept_ends_when_descriptors_run_out() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const name = reinterpret_cast<sockaddr*>(&address);
    check(::bind(listener, name, size) == 0 && ::listen(listener, 8) == 0, "listen", errno);
    ::getsockname(listener, name, &size);
    ring queue(4);
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::rlimit all{};
    ::getrlimit(RLIMIT_NOFILE, &all);
    const ::rlimit none{.rlim_cur = static_cast<rlim_t>(client) + 1, .rlim_max = all.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &none);  // before the submission, since the accept keeps the limit of that time
    queue.add(1, [&](auto* e) { ::io_uring_prep_multishot_accept(e, listener, nullptr, nullptr, SOCK_CLOEXEC); });
    queue.submit();
    check(::connect(client, name, size) == 0, "connect", errno);
    const auto found = queue.take(1);
    ::setrlimit(RLIMIT_NOFILE, &all);
    check(found.size() == 1, "no completion", 0);
    if (found[0].result == -EINVAL) return;  // Linux before 5.19
    check(found[0].result == -EMFILE && (found[0].flags & IORING_CQE_F_MORE) == 0, "the accept", found[0].result);
    ::close(client);
    ::close(listener);
}

void buffered_files_are_read_without_o_direct() {
    ring queue(4);
    std::array<char, 4096> bytes{};
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    queue.add(1, [&](auto* e) { ::io_uring_prep_read(e, file, bytes.data(), bytes.size(), 0); });
    queue.submit();
    check(result_of(queue.take(1), 1) == 4096, "a read of a regular file", 0);
    ::close(file);
}

}  // namespace

int main() {
    if (const ring first(4); first.error != 0) {
        std::printf("skipped: io_uring_setup: %s\n", std::strerror(-first.error));
        return 77;
    }
    const std::pair<const char*, void (*)()> facts[] = {
#define FACT(name) {#name, name}
        FACT(closing_the_descriptor_does_not_end_a_receive),
        FACT(a_cancel_has_a_completion_of_its_own_and_later_finds_nothing),
        FACT(entries_are_not_in_order_unless_linked),
        FACT(a_short_read_severs_the_chain),
        FACT(with_defer_taskrun_a_look_shows_nothing_and_the_flag_says_so),
        FACT(a_multishot_receive_ends_when_no_buffer_is_left),
        FACT(an_overflow_loses_nothing_but_ends_multishots),
        FACT(multishot_accept_ends_when_descriptors_run_out),
        FACT(buffered_files_are_read_without_o_direct),
    };
    for (const auto& [name, holds] : facts) {
        holds();
        std::printf("ok    %s\n", name);
    }
}
