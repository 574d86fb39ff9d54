#include "load.hpp"

#include "../support/sockets.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace bench {

namespace {

constexpr std::chrono::seconds patience{10};

std::string request_head(const http_plan& plan) {
    std::string head =
        (plan.body > 0 ? "POST " : "GET ") + plan.target + " HTTP/1.1\r\nHost: " + plan.authority + "\r\n";
    if (plan.body > 0) {
        head += "Content-Length: " + std::to_string(plan.body) + "\r\n";
    }
    return head + (plan.close ? "Connection: close\r\n\r\n" : "\r\n");
}

[[noreturn]] void fail_with_status(unsigned status) {
    std::fprintf(stderr, "http_load: the first answer has status %u\n", status);
    std::exit(1);
}

}  // namespace

http_load::http_load(const http_plan& wanted)
    : plan_{wanted},
      pace_{wanted.rate, wanted.warm_up + wanted.seconds},
      head_{request_head(wanted)},
      body_(wanted.body, 'x'),
      buffer_(std::size_t{64} * 1024),
      epoll_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
      connections_(wanted.connections) {
    // Else the kernel may wake us 50 us after a request is due.
    check(::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL), "PR_SET_TIMERSLACK");
}

void http_load::prepare() {
    if (plan_.close) {
        exchange_one(connections_.front());
        close(connections_.front());
        return;
    }
    for (std::size_t index = 0; index < connections_.size(); ++index) {
        exchange_one(connections_[index]);
        set_nonblocking(connections_[index].descriptor);
        watch(index);
    }
}

void http_load::run(const std::function<void()>& warm) {
    for (std::size_t index = 0; index < connections_.size(); ++index) {
        free_.push_back(index);
    }
    started_ = clock::now();
    pace_.begin(started_);
    const auto warm_at =
        started_ + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(plan_.warm_up));
    bool is_warm = plan_.warm_up == 0;
    start_due();
    while (!stuck_ && (under_way_ > 0 || (!free_.empty() && !pace_.over(clock::now())))) {
        turn();
        if (!is_warm && clock::now() >= warm_at) {
            is_warm = true;
            end_warm_up();
            warm();
        }
    }
    finished_ = clock::now();
}

// Requests that are under way count as a whole, and so do those that are when the end has come: few, and as many.
void http_load::end_warm_up() {
    completed_ = 0;
    latencies_ = {};
    started_ = clock::now();
}

void http_load::report() const {
    const double seconds = std::chrono::duration<double>(finished_ - started_).count();
    const auto microseconds = [this](double share) { return static_cast<double>(latencies_.percentile(share)) / 1000; };
    std::printf(
        "{\"requests\": %llu, \"errors\": %llu, \"seconds\": %.6f, \"requests_per_second\": %.1f, "
        "\"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f}\n",
        static_cast<unsigned long long>(completed_), static_cast<unsigned long long>(errors_), seconds,
        static_cast<double>(completed_) / seconds, microseconds(0.5), microseconds(0.99), microseconds(0.999));
    std::fflush(stdout);
}

// Blocking: connections are made one after another, so that a server's backlog never overflows.
void http_load::exchange_one(connection& peer) {
    peer.descriptor = connect_to(plan_.server);
    peer.sent = 0;
    peer.answer.reset();
    if (!send_rest(peer)) {
        fail("sending the first request", errno);
    }
    auto state = answer_reader::state::incomplete;
    while (state == answer_reader::state::incomplete) {
        const ssize_t count = ::recv(peer.descriptor, buffer_.data(), buffer_.size(), 0);
        if (count <= 0) {
            fail("receiving the first answer", count == 0 ? ECONNRESET : errno);
        }
        state = peer.answer.take({buffer_.data(), static_cast<std::size_t>(count)});
    }
    if (state == answer_reader::state::broken) {
        fail("the first answer", EPROTO);
    }
    if (peer.answer.status() / 100 != 2) {
        fail_with_status(peer.answer.status());
    }
    expected_length_ = peer.answer.length();
}

// Edge-triggered, both directions at once: registered once, and writability is only told after a send that was short.
void http_load::watch(std::size_t index) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.u64 = index;
    check(::epoll_ctl(epoll_, EPOLL_CTL_ADD, connections_[index].descriptor, &event), "epoll_ctl");
}

void http_load::start_due() {
    while (!free_.empty()) {
        const auto intended = pace_.take(clock::now());
        if (!intended) {
            return;
        }
        const std::size_t index = free_.front();
        free_.pop_front();
        start(index, *intended);
    }
}

void http_load::start(std::size_t index, clock::time_point intended) {
    connection& peer = connections_[index];
    peer.sent = 0;
    peer.under_way = true;
    peer.answered = false;
    peer.answer.reset();
    peer.intended = intended;
    ++under_way_;
    if ((plan_.close && !open(index)) || !send_rest(peer)) {
        give_up(index);
    }
}

// On the loopback the connection is there when the call returns, unless the server's backlog is full; then the request
// is sent when the socket becomes writable.
bool http_load::open(std::size_t index) {
    connection& peer = connections_[index];
    peer.descriptor = check(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const auto* const address = reinterpret_cast<const sockaddr*>(&plan_.server);
    if (::connect(peer.descriptor, address, sizeof plan_.server) != 0 && errno != EINPROGRESS) {
        return false;
    }
    watch(index);
    return true;
}

// False if the connection has failed; what the socket does not take goes when it is writable.
bool http_load::send_rest(connection& peer) {
    while (peer.sent < head_.size() + body_.size()) {
        const std::size_t of_head = std::min(peer.sent, head_.size());
        const std::size_t of_body = peer.sent - of_head;
        std::array<iovec, 2> pieces{
            {{head_.data() + of_head, head_.size() - of_head}, {body_.data() + of_body, body_.size() - of_body}}};
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = pieces.size();
        const ssize_t count = ::sendmsg(peer.descriptor, &message, MSG_NOSIGNAL);
        if (count < 0) {
            return errno == EAGAIN;
        }
        peer.sent += static_cast<std::size_t>(count);
    }
    return true;
}

// Until something has come, or the next request is due.
int http_load::wait(std::span<epoll_event> events) const {
    std::chrono::nanoseconds left = patience;
    if (pace_.has_rate() && !free_.empty() && !pace_.over(clock::now())) {
        left = std::clamp<std::chrono::nanoseconds>(pace_.next() - clock::now(), std::chrono::nanoseconds{0}, left);
    }
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    return ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &limit, nullptr);
}

void http_load::turn() {
    std::array<epoll_event, 256> events;
    const auto before = clock::now();
    const int ready = wait(events);
    for (int i = 0; i < ready; ++i) {
        receive(events[static_cast<std::size_t>(i)].data.u64);
    }
    if (ready == 0 && under_way_ > 0 && clock::now() - before >= patience) {
        std::fprintf(stderr, "http_load: nothing came for %lld s on %zu connections\n",
                     static_cast<long long>(patience.count()), under_way_);
        errors_ += under_way_;
        stuck_ = true;
    }
    start_due();
}

// Whatever was told of a connection: both directions are tried. That one was closed while it had nothing to do, the
// next request finds out.
void http_load::receive(std::size_t index) {
    connection& peer = connections_[index];
    if (!peer.under_way) {
        return;
    }
    if (!send_rest(peer)) {
        return give_up(index);
    }
    for (;;) {
        const ssize_t count = ::recv(peer.descriptor, buffer_.data(), buffer_.size(), 0);
        if (count < 0 && errno == EAGAIN) {
            return;
        }
        if (count == 0 && peer.answered && plan_.close) {
            return finish(index);
        }
        if (count <= 0 || peer.answered || !take(peer, {buffer_.data(), static_cast<std::size_t>(count)})) {
            return give_up(index);
        }
        if (peer.answered && !plan_.close) {
            return finish(index);
        }
    }
}

// False if this is not the answer that is expected. One to a request that is not sent whole is none, either.
bool http_load::take(connection& peer, std::string_view piece) {
    const auto state = peer.answer.take(piece);
    if (state != answer_reader::state::complete) {
        return state == answer_reader::state::incomplete;
    }
    peer.answered = true;
    latencies_.add(static_cast<std::uint64_t>((clock::now() - peer.intended).count()));
    return peer.answer.status() / 100 == 2 && peer.answer.length() == expected_length_ &&
           peer.sent == head_.size() + body_.size();
}

void http_load::finish(std::size_t index) {
    connection& peer = connections_[index];
    if (plan_.close) {
        close(peer);
    }
    ++completed_;
    --under_way_;
    peer.under_way = false;
    free_.push_back(index);
    start_due();
}

void http_load::give_up(std::size_t index) {
    connection& peer = connections_[index];
    ++errors_;
    --under_way_;
    peer.under_way = false;
    close(peer);
    if (plan_.close) {
        free_.push_back(index);  // the next request has a connection of its own
    }
}

void http_load::close(connection& peer) {
    ::close(peer.descriptor);
    peer.descriptor = -1;
}

}  // namespace bench
