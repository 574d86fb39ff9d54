// forwarder-calls ADDR TO: forwards each connection to ADDR, one at a time, to TO, with read() and write().
//
// The oldest form: both sockets block, and a thread per direction makes two system calls per turn, one that waits for
// bytes and one that passes them on. Compare forwarder-io-submit.cpp and forwarder-io-uring.cpp, which make one.
#include "two_sockets.hpp"

using two_sockets::ending;

namespace {

// A blocking write takes everything, unless a signal cuts it short.
bool write_all(int to, const std::byte* bytes, std::size_t size) {
    while (size > 0) {
        const ssize_t written = ::write(to, bytes, size);
        if (written < 0 && errno != EINTR) return false;
        if (written <= 0) continue;
        bytes += written;
        size -= static_cast<std::size_t>(written);
    }
    return true;
}

ending forward(int from, int to) {
    two_sockets::buffer bytes;
    for (;;) {
        const ssize_t count = ::read(from, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return count == 0 ? ending::in_order : ending::broken;
        if (!write_all(to, bytes.data(), static_cast<std::size_t>(count))) return ending::broken;
    }
}

}  // namespace

int main(int count, char** values) { return two_sockets::run(count, values, forward); }
