// What it costs to send without copying where the kernel copies all the same: over loopback. Plain sends and sends with
// MSG_ZEROCOPY, each of which waits for its notification as one of penstock's does, take turns. Prints
// `name value unit` per line, once per round: time per MiB of a core that sender and receiver share, so that nothing
// is left out. tools/bench zero-copy makes medians and ratios of them.
#include "support/sockets.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using bench::check;

struct connection {
    int sender;
    int receiver;
};

connection make_connection() {
    ::sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    const int door = bench::listen_on(at);
    ::socklen_t size = sizeof at;
    check(::getsockname(door, reinterpret_cast<::sockaddr*>(&at), &size), "getsockname");
    const int sender = bench::connect_to(at);
    const int receiver = check(::accept(door, nullptr, nullptr), "accept");
    ::close(door);
    constexpr int on = 1;
    check(::setsockopt(sender, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on), "SO_ZEROCOPY");
    return {sender, receiver};
}

void stay_on_one_core() {
    ::cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    check(::sched_setaffinity(0, sizeof one, &one), "sched_setaffinity");  // threads that are begun later inherit it
}

/// Until the error queue has told of so many calls. They come in order here, so the last number is enough.
void wait_for_notifications(int socket, std::uint32_t calls) {
    struct report {
        std::uint32_t error;
        std::uint8_t origin, type, code, pad;
        std::uint32_t first, last;
    };
    for (std::uint32_t told = 0; told != calls;) {
        ::pollfd entry{.fd = socket, .events = 0, .revents = 0};
        check(::poll(&entry, 1, -1), "poll");
        alignas(::cmsghdr) char beside[128];
        ::msghdr message{};
        message.msg_control = beside;
        message.msg_controllen = sizeof beside;
        check(static_cast<int>(::recvmsg(socket, &message, MSG_ERRQUEUE)), "recvmsg");
        report what{};
        __builtin_memcpy(&what, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof what);
        told += what.last - what.first + 1;
    }
}

void send_whole(int socket, const std::vector<char>& message, int flags) {
    std::uint32_t calls = 0;
    for (std::size_t done = 0; done < message.size(); ++calls) {
        const auto n = ::send(socket, message.data() + done, message.size() - done, flags);
        done += static_cast<std::size_t>(check(static_cast<int>(n), "send"));
    }
    if ((flags & MSG_ZEROCOPY) != 0) wait_for_notifications(socket, calls);
}

/// Microseconds per MiB.
double cost(const connection& of, std::size_t message_size, std::size_t mebibytes, int flags) {
    const std::size_t all = mebibytes << 20;
    const std::vector<char> message(message_size, 'x');
    const auto begun = std::chrono::steady_clock::now();
    std::thread receiver([&] {
        std::vector<char> sink(std::size_t{256} << 10);
        for (std::size_t got = 0; got < all;) {
            got += static_cast<std::size_t>(
                check(static_cast<int>(::recv(of.receiver, sink.data(), sink.size(), 0)), "recv"));
        }
    });
    for (std::size_t sent = 0; sent < all; sent += message_size) send_whole(of.sender, message, flags);
    receiver.join();
    const std::chrono::duration<double, std::micro> spent = std::chrono::steady_clock::now() - begun;
    return spent.count() / static_cast<double>(mebibytes);
}

}  // namespace

int main(int argc, char** argv) {
    const int rounds = argc == 3 && std::string_view(argv[1]) == "--rounds" ? std::atoi(argv[2]) : 3;
    if (rounds < 1 || (argc != 1 && argc != 3)) {
        std::fputs("usage: zero_copy_bench [--rounds N]\n", stderr);
        return 2;
    }
    stay_on_one_core();
    const connection pair = make_connection();
    constexpr std::size_t mebibytes = 64;
    for (int round = 0; round < rounds; ++round) {
        for (const std::size_t kibibytes : {4U, 16U, 64U, 256U, 1024U}) {
            const bool plainly_first = round % 2 == 0;
            for (const bool first : {true, false}) {
                const bool plainly = first == plainly_first;
                const double each = cost(pair, kibibytes << 10, mebibytes, plainly ? 0 : MSG_ZEROCOPY);
                std::printf("%s.%zuk %.2f us/MiB\n", plainly ? "copied" : "lent", kibibytes, each);
                std::fflush(stdout);
            }
        }
    }
}
