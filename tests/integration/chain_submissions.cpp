// What a chain costs on io_uring: one submission, of an entry for each step and for each limit, and where an opcode is
// missing the same results without. Exit status 77: no io_uring here.
//
// The program's own syscall() is the one that the library calls, and counts what is handed to the kernel.
#include <penstock/penstock.hpp>

#include <dlfcn.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

using namespace penstock;
using namespace std::chrono_literals;

namespace {

int failures = 0;
long submissions = 0;  // calls that hand something over
long entries = 0;      // what they hand over

void expect(bool holds, const std::string& what) {
    if (holds) return;
    ++failures;
    std::printf("FAIL  %s\n", what.c_str());
}

}  // namespace

// NOLINTNEXTLINE(cert-dcl50-cpp): it is declared so
extern "C" long syscall(long number, ...) noexcept {
    using function = long (*)(long, ...);
    static const auto real = reinterpret_cast<function>(::dlsym(RTLD_NEXT, "syscall"));
    std::va_list list;
    va_start(list, number);
    std::array<long, 6> a{};
    for (long& argument : a) argument = va_arg(list, long);
    va_end(list);
    const long r = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == SYS_io_uring_enter && static_cast<unsigned>(a[1]) != 0 && r > 0) {
        ++submissions;
        entries += r;
    }
    return r;
}

namespace {

/// How many runs were one submission, and of what.
struct cost {
    long submissions;
    long entries;
    std::uint64_t whole;
    std::uint64_t in_order;
    bool complete;
};

task<cost> cost_of(chain& c) {
    co_await yield();  // what was submitted before goes out
    const loop_statistics before = current_loop->statistics();
    submissions = entries = 0;
    const chain_outcome outcome = co_await c.run();
    const cost seen{submissions, entries, current_loop->statistics().chains - before.chains,
                    current_loop->statistics().chains_in_order - before.chains_in_order, outcome.complete()};
    co_return seen;
}

task<> expect_one_submission(chain& c, long of, std::string what) {
    const cost seen = co_await cost_of(c);
    std::printf("%s: %ld submissions of %ld entries\n", what.c_str(), seen.submissions, seen.entries);
    expect(seen.complete, what + ": complete");
    expect(seen.whole == 1 && seen.in_order == 0, what + ": as a whole");
    expect(seen.submissions == 1, what + ": one submission");
    expect(seen.entries == of, what + ": " + std::to_string(of) + " entries");
}

/// A socket that listens, and one that is connected to it by nobody yet; neither is known to the loop.
struct plain_door {
    plain_door() : fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        ::sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        ::socklen_t size = sizeof address;
        auto* const raw = reinterpret_cast<::sockaddr*>(&address);
        expect(::bind(fd, raw, size) == 0 && ::listen(fd, 64) == 0, "listen");
        ::getsockname(fd, raw, &size);
        at = endpoint::loopback(::ntohs(address.sin_port));
    }
    ~plain_door() { ::close(fd); }
    plain_door(const plain_door&) = delete;
    plain_door& operator=(const plain_door&) = delete;

    /// All that the next connection has to say.
    std::string hear() const {
        const int peer = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
        std::string all;
        std::array<char, 100> piece{};
        for (::ssize_t n = 0; (n = ::read(peer, piece.data(), piece.size())) > 0;) {
            all.append(piece.data(), static_cast<std::size_t>(n));
        }
        ::close(peer);
        return all;
    }

    int fd;
    endpoint at;
};

constexpr std::string_view text = "what the file holds";

bool is_on(std::string_view feature) {
    for (const feature_report& f : current_loop->explain().features) {
        if (f.name == feature) return f.on;
    }
    expect(false, "no feature " + std::string(feature));
    return false;
}

task<> files(std::string path) {
    std::string got(text.size(), '\0');
    {
        chain c;
        const chain_step file = c.open(path);
        c.read_at(file, std::as_writable_bytes(std::span(got)), 0);
        c.close(file);
        co_await expect_one_submission(c, 3, "open, read, close");
        expect(got == text, "what was read");
    }
    std::array<int, 2> ends{};
    expect(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "socketpair");
    auto file = co_await fs::open(path);
    chain c;
    c.read_at(*file, std::as_writable_bytes(std::span(got)), 0).limit(1s);
    c.send(handle{ends[0]}, got);
    co_await expect_one_submission(c, 3, "read with a limit, send");
    std::string heard(text.size(), '\0');
    expect(::read(ends[1], heard.data(), heard.size()) == static_cast<::ssize_t>(text.size()) && heard == text,
           "what was sent");
    ::close(ends[0]);
    ::close(ends[1]);
}

/// What a chain has opened gets a number by one more entry, if the kernel can.
task<> kept(const plain_door& door) {
    chain c;
    const chain_step socket = c.socket(address_family::ipv4);
    c.connect(socket, door.at);
    c.send(socket, text.substr(0, 5));
    const chain_step mine = c.keep(socket);
    c.close(socket);
    if (is_on("installed descriptors")) {
        co_await expect_one_submission(c, 5, "socket, connect, send, keep, close");
    } else {
        const cost seen = co_await cost_of(c);
        expect(seen.complete && seen.in_order == 1, "what is kept, in order");
    }
    const owned_handle taken = c.take(mine);
    const std::string_view rest = text.substr(5);
    expect(::fcntl(taken.name().id, F_GETFD) == FD_CLOEXEC, "it has an ordinary number, which no other program gets");
    expect(::write(taken.name().id, rest.data(), rest.size()) == static_cast<::ssize_t>(rest.size()), "write to it");
    expect(::shutdown(taken.name().id, SHUT_WR) == 0, "shutdown of it");
    expect(door.hear() == text, "what was said by both");
}

task<> sockets() {
    const plain_door door;
    {
        chain c;
        const chain_step socket = c.socket(address_family::ipv4);
        c.connect(socket, door.at);
        c.send(socket, text);
        c.shutdown(socket);
        c.close(socket);
        co_await expect_one_submission(c, 5, "socket, connect, send, shutdown, close");
        expect(door.hear() == text, "what was said");
    }
    co_await kept(door);
    const int own = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    chain c;
    c.connect(handle{own}, door.at);
    c.send(handle{own}, text);
    c.shutdown(handle{own});
    co_await expect_one_submission(c, 3, "connect, send, shutdown");
    expect(door.hear() == text, "what was said by an own socket");
    ::close(own);
}

// A place in the ring's table that is not given back would be missed after 64 runs.
task<> severed(std::string path) {
    std::string got(text.size() + 1, '\0');
    std::uint64_t whole = 0;
    for (int i = 0; i < 200; ++i) {
        chain c;
        const chain_step file = c.open(i % 2 == 0 ? path : path + "-absent");
        c.read_at(file, std::as_writable_bytes(std::span(got)), 0);
        c.close(file);
        const cost seen = co_await cost_of(c);
        expect(!seen.complete, "severed");
        whole += seen.whole;
    }
    expect(whole == 200, "each severed run as a whole, not " + std::to_string(whole));
}

task<> without(std::string path, op_kind denied) {
    const plain_door door;
    const std::string name(to_string(denied));
    std::string got(text.size(), '\0');
    chain reading;
    const chain_step file = reading.open(path);
    reading.read_at(file, std::as_writable_bytes(std::span(got)), 0);
    reading.close(file);
    const cost of_file = co_await cost_of(reading);
    expect(of_file.complete && got == text, "the file without " + name);

    chain saying;
    const chain_step socket = saying.socket(address_family::ipv4);
    saying.connect(socket, door.at);
    saying.send(socket, text);
    saying.shutdown(socket);
    saying.close(socket);
    const cost of_socket = co_await cost_of(saying);
    expect(of_socket.complete && door.hear() == text, "the socket without " + name);
    if (denied == op_kind::install) {
        expect(!is_on("installed descriptors"), "without it, it is not on");
        co_await kept(door);
        co_return;
    }
    expect(of_file.in_order + of_socket.in_order != 0, "in order without " + name);
    expect(of_file.whole + of_file.in_order == 1 && of_socket.whole + of_socket.in_order == 1, "once without " + name);
}

std::size_t open_descriptors() {
    std::size_t n = 0;
    for (int fd = 0; fd < 200; ++fd) n += ::dup2(fd, fd) == fd ? 1 : 0;
    return n;
}

}  // namespace

int main() {
    auto made = loop::create({.backend = "io_uring"});
    if (!made) {
        std::printf("skipped: %s\n", made.error().message.c_str());
        return 77;
    }
    std::string path = "/tmp/penstock-chain-XXXXXX";
    const int fd = ::mkstemp(path.data());
    expect(::write(fd, text.data(), text.size()) == static_cast<::ssize_t>(text.size()), "write");
    ::close(fd);
    const std::size_t open_before = open_descriptors();
    (*made)->run([](std::string at) -> task<> {
        co_await files(at);
        co_await sockets();
        co_await severed(at);
    }(path));
    expect(open_descriptors() == open_before, "descriptors are left");
    for (const op_kind denied : {op_kind::open, op_kind::read_at, op_kind::close, op_kind::socket, op_kind::connect,
                                 op_kind::send, op_kind::shutdown, op_kind::install}) {
        loop_options options{.backend = "io_uring"};
        options.bounds.denied = {denied};
        auto other = loop::create(options);
        expect(other.has_value(), "a loop");
        if (other) (*other)->run(without(path, denied));
    }
    ::unlink(path.c_str());
    return failures == 0 ? 0 : 1;
}
