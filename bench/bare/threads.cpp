#include "../support/sockets.hpp"
#include "mechanisms.hpp"

#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace bench {

namespace {

// The message buffer, a frame and room for libc. Only what is touched costs memory, but address space is
// worth saving too.
constexpr std::size_t stack_size = 64 * 1024;

bool send_all(int connection, const std::byte* data, std::size_t size) {
    while (size > 0) {
        const ssize_t sent = ::send(connection, data, size, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        data += sent;
        size -= static_cast<std::size_t>(sent);
    }
    return true;
}

void* serve_connection(void* argument) {
    const int connection = static_cast<int>(reinterpret_cast<std::intptr_t>(argument));
    std::array<std::byte, max_message> buffer;
    for (;;) {
        const ssize_t received = ::recv(connection, buffer.data(), buffer.size(), 0);
        if (received <= 0 || !send_all(connection, buffer.data(), static_cast<std::size_t>(received))) {
            ::close(connection);
            return nullptr;
        }
    }
}

}  // namespace

void echo_with_threads(int listener) {
    pthread_attr_t attributes;
    ::pthread_attr_init(&attributes);
    ::pthread_attr_setstacksize(&attributes, stack_size);
    ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    for (;;) {
        const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) {
            if (errno == ECONNABORTED || errno == EINTR) {
                continue;
            }
            fail("accept", errno);
        }
        pthread_t thread;
        void* const argument = reinterpret_cast<void*>(static_cast<std::intptr_t>(connection));
        if (const int error = ::pthread_create(&thread, &attributes, serve_connection, argument); error != 0) {
            fail("pthread_create", error);
        }
    }
}

}  // namespace bench
