#include "load/echo_stream.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace bench {

namespace {

constexpr std::size_t most_parts = 64;

}  // namespace

bool echo_stream::flush(const message_source& source) {
    while (unsent_ > 0) {
        std::array<iovec, most_parts> parts;
        const std::size_t whole = (unsent_ + source.size() - 1) / source.size();
        std::size_t skipped = whole * source.size() - unsent_;  // of the first: was sent before
        std::size_t count = 0;
        std::size_t size = 0;
        for (std::uint64_t round = started_ - whole; round < started_ && count < parts.size(); ++round) {
            parts[count++] = {const_cast<std::byte*>(source.message(index_, round)) + skipped, source.size() - skipped};
            size += source.size() - skipped;
            skipped = 0;
        }
        msghdr message{};
        message.msg_iov = parts.data();
        message.msg_iovlen = count;
        const ssize_t sent = count == 1 ? ::send(descriptor_, parts[0].iov_base, parts[0].iov_len, MSG_NOSIGNAL)
                                        : ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN;
        }
        unsent_ -= static_cast<std::size_t>(sent);
        if (static_cast<std::size_t>(sent) < size) {
            return true;
        }
    }
    return true;
}

long echo_stream::receive_some(const message_source& source, std::span<std::byte> buffer) const {
    const std::size_t awaited = under_way() * source.size() - received_;
    const ssize_t count = ::recv(descriptor_, buffer.data(), std::min(buffer.size(), awaited), 0);
    if (count > 0) {
        return count;
    }
    return count < 0 && errno == EAGAIN ? 0 : -1;
}

bool echo_stream::is_expected(const message_source& source, std::span<const std::byte> part) const {
    return std::memcmp(part.data(), source.message(index_, completed_) + received_, part.size()) == 0;
}

void echo_stream::close() {
    const linger reset{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    ::close(std::exchange(descriptor_, -1));
}

}  // namespace bench
