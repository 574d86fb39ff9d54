// What tests of plain system calls share: a descriptor that closes itself, and calls that must not block.
#pragma once

#include <penstock/handle.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

namespace penstock::testing {

/// Owns a file descriptor.
class descriptor {
  public:
    descriptor() = default;
    explicit descriptor(int fd) noexcept : fd_(fd) {}
    descriptor(descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }
    ~descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    handle name() const noexcept { return {fd_}; }
    int release() noexcept { return std::exchange(fd_, -1); }
    void reset() noexcept {
        if (fd_ >= 0) ::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

/// A pipe of the program's. `flags` as of pipe2(2), besides O_CLOEXEC.
struct raw_pipe {
    explicit raw_pipe(int flags = 0) {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | flags) != 0) throw std::runtime_error("pipe2");
        reader = descriptor(ends[0]);
        writer = descriptor(ends[1]);
    }
    descriptor reader;
    descriptor writer;
};

/// A handle that names nothing: every call on it is answered with EBADF.
inline constexpr handle nothing{-1};

inline bool is_nonblocking(handle h) { return (::fcntl(h.id, F_GETFL) & O_NONBLOCK) != 0; }
inline bool closes_on_exec(handle h) { return (::fcntl(h.id, F_GETFD) & FD_CLOEXEC) != 0; }

/// Sleeps until the descriptor reports one of `events`.
inline void await(handle h, short events) {
    ::pollfd ready{.fd = h.id, .events = events, .revents = 0};
    while (::poll(&ready, 1, -1) < 0) continue;
}

inline void write_text(handle h, const std::string& text) {
    ASSERT_EQ(::write(h.id, text.data(), text.size()), static_cast<::ssize_t>(text.size()));
}

/// What can be read without waiting.
inline std::string read_available(handle h) {
    std::string all;
    for (::pollfd ready{.fd = h.id, .events = POLLIN, .revents = 0}; ::poll(&ready, 1, 0) == 1;) {
        char piece[4096];
        const ::ssize_t n = ::read(h.id, piece, sizeof piece);
        if (n <= 0) break;
        all.append(piece, static_cast<std::size_t>(n));
    }
    return all;
}

/// The answer of a call that must not sleep. If it does sleep, the test fails, and `release` ends the wait.
template <class Call, class Release>
auto without_sleeping(Call call, Release release) {
    using namespace std::chrono_literals;
    auto answer = std::async(std::launch::async, std::move(call));
    if (answer.wait_for(10s) != std::future_status::ready) {
        ADD_FAILURE() << "the call sleeps in the kernel";
        while (answer.wait_for(10ms) != std::future_status::ready) release();
    }
    return answer.get();
}

}  // namespace penstock::testing
