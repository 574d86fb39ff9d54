// The calls that move bytes.
#include "faults/edges.hpp"
#include "faults/struck_call.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

using namespace penstock::testing;

namespace {

constinit struck_call at_recv("recv");
constinit struck_call at_read("read");
constinit struck_call at_preadv("preadv");
constinit struck_call at_preadv2("preadv2");
constinit struck_call at_send("send");
constinit struck_call at_sendmsg("sendmsg");
constinit struck_call at_sendmmsg("sendmmsg");
constinit struck_call at_recvmsg("recvmsg");
constinit struck_call at_write("write");
constinit struck_call at_writev("writev");
constinit struck_call at_pwritev("pwritev");
constinit struck_call at_pwritev2("pwritev2");
constinit struck_call at_splice("splice");
constinit struck_call at_tee("tee");

// An eventfd's count comes whole or not at all, and is not interrupted: that is how loops wake each other.
bool is_count(std::size_t size) noexcept { return size == sizeof(std::uint64_t); }

/// A blocking socket that is asked not to wait is the last resort of who has no thread left to wait with: such a caller
/// tells its own caller that it is full, so it must be.
bool sleeps_or_asks_once(int fd, int flags) noexcept {
    return (flags & MSG_DONTWAIT) == 0 || may_sleep(fd) || never_waits(fd);
}

/// Makes `call(size)` for as many bytes as the fault wants.
template <class Call>
::ssize_t at_most(struck_call& at, int fd, std::size_t size, Call call) noexcept {
    const std::size_t less = at.less(fd, size, least_piece);
    const ::ssize_t moved = call(less);
    if (less != size && moved >= 0) tell_again(fd);
    return moved;
}

/// The first `size` bytes of some slices.
class shortened_slices {
  public:
    shortened_slices(const ::iovec* slices, int count, std::size_t size) noexcept {
        for (; count_ < count && count_ < most && size != 0; ++count_) {
            ::iovec& slice = slices_[static_cast<std::size_t>(count_)];
            slice = slices[count_];
            slice.iov_len = slice.iov_len < size ? slice.iov_len : size;
            size -= slice.iov_len;
        }
    }
    ::iovec* data() noexcept { return slices_.data(); }
    int count() const noexcept { return count_; }

  private:
    static constexpr int most = 64;  // fewer is a short transfer, too
    std::array<::iovec, most> slices_;
    int count_ = 0;
};

std::size_t size_of(const ::iovec* slices, std::size_t count) noexcept {
    std::size_t size = 0;
    for (std::size_t i = 0; i < count; ++i) size += slices[i].iov_len;
    return size;
}

/// At an offset of a file: in whole blocks, as O_DIRECT wants it.
template <class Call>
::ssize_t at_offset(struck_call& at, int fd, const ::iovec* slices, int count, Call call) noexcept {
    if (at.refused(fd, true)) return -1;
    const std::size_t size = size_of(slices, static_cast<std::size_t>(count));
    const std::size_t less = whole_blocks(at.less(fd, size, block));
    if (less >= size) return call(slices, count);
    shortened_slices few(slices, count, less);
    return call(few.data(), few.count());
}

/// At the descriptor's own position.
template <class Call>
::ssize_t in_sequence(struck_call& at, int fd, const ::iovec* slices, int count, Call call) noexcept {
    const std::size_t size = size_of(slices, static_cast<std::size_t>(count));
    return at_most(at, fd, size, [&](std::size_t less) noexcept {
        if (less == size) return call(slices, count);
        shortened_slices few(slices, count, less);
        return call(few.data(), few.count());
    });
}

}  // namespace

extern "C" {

::ssize_t penstock_faults_recv(int fd, void* memory, std::size_t size, int flags) {
    if (at_recv.refused(fd, (flags & MSG_DONTWAIT) == 0)) return -1;
    if ((flags & MSG_PEEK) != 0) return ::recv(fd, memory, size, flags);
    return at_most(at_recv, fd, size, [&](std::size_t n) noexcept { return ::recv(fd, memory, n, flags); });
}

::ssize_t penstock_faults_read(int fd, void* memory, std::size_t size) {
    if (is_count(size)) return ::read(fd, memory, size);
    if (at_read.refused(fd, may_sleep(fd))) return -1;
    return at_most(at_read, fd, size, [&](std::size_t n) noexcept { return ::read(fd, memory, n); });
}

::ssize_t penstock_faults_preadv2(int fd, const ::iovec* slices, int count, ::off_t offset, int flags) {
    if (at_preadv2.refused(fd, (flags & RWF_NOWAIT) == 0)) return -1;
    const auto call = [&](const ::iovec* s, int n) noexcept { return ::preadv2(fd, s, n, offset, flags); };
    return in_sequence(at_preadv2, fd, slices, count, call);
}

::ssize_t penstock_faults_preadv(int fd, const ::iovec* slices, int count, ::off_t offset) {
    const auto call = [&](const ::iovec* s, int n) noexcept { return ::preadv(fd, s, n, offset); };
    return at_offset(at_preadv, fd, slices, count, call);
}

::ssize_t penstock_faults_send(int fd, const void* memory, std::size_t size, int flags) {
    if (at_send.refused(fd, sleeps_or_asks_once(fd, flags))) return -1;
    return at_most(at_send, fd, size, [&](std::size_t n) noexcept { return ::send(fd, memory, n, flags); });
}

::ssize_t penstock_faults_sendmsg(int fd, const ::msghdr* message, int flags) {
    if (at_sendmsg.refused(fd, sleeps_or_asks_once(fd, flags))) return -1;
    const auto call = [&](const ::iovec* slices, int count) noexcept {
        ::msghdr less = *message;
        less.msg_iov = const_cast<::iovec*>(slices);
        less.msg_iovlen = static_cast<std::size_t>(count);
        return ::sendmsg(fd, &less, flags);
    };
    return in_sequence(at_sendmsg, fd, message->msg_iov, static_cast<int>(message->msg_iovlen), call);
}

int penstock_faults_sendmmsg(int fd, ::mmsghdr* messages, unsigned count, int flags) {
    if (at_sendmmsg.refused(fd, sleeps_or_asks_once(fd, flags))) return -1;
    return ::sendmmsg(fd, messages, at_sendmmsg.fewer(fd, count), flags);
}

::ssize_t penstock_faults_recvmsg(int fd, ::msghdr* message, int flags) {
    if (at_recvmsg.refused(fd, (flags & MSG_DONTWAIT) == 0)) return -1;
    const auto call = [&](const ::iovec* slices, int count) noexcept {
        ::iovec* const whole = message->msg_iov;
        const std::size_t whole_count = message->msg_iovlen;
        message->msg_iov = const_cast<::iovec*>(slices);
        message->msg_iovlen = static_cast<std::size_t>(count);
        const ::ssize_t moved = ::recvmsg(fd, message, flags);
        message->msg_iov = whole;
        message->msg_iovlen = whole_count;
        return moved;
    };
    return in_sequence(at_recvmsg, fd, message->msg_iov, static_cast<int>(message->msg_iovlen), call);
}

::ssize_t penstock_faults_write(int fd, const void* memory, std::size_t size) {
    if (is_count(size)) return ::write(fd, memory, size);
    if (at_write.refused(fd, may_sleep(fd))) return -1;
    return at_most(at_write, fd, size, [&](std::size_t n) noexcept { return ::write(fd, memory, n); });
}

::ssize_t penstock_faults_writev(int fd, const ::iovec* slices, int count) {
    if (at_writev.refused(fd, may_sleep(fd))) return -1;
    const auto call = [&](const ::iovec* s, int n) noexcept { return ::writev(fd, s, n); };
    return in_sequence(at_writev, fd, slices, count, call);
}

::ssize_t penstock_faults_pwritev2(int fd, const ::iovec* slices, int count, ::off_t offset, int flags) {
    if (at_pwritev2.refused(fd, (flags & RWF_NOWAIT) == 0)) return -1;
    const auto call = [&](const ::iovec* s, int n) noexcept { return ::pwritev2(fd, s, n, offset, flags); };
    return in_sequence(at_pwritev2, fd, slices, count, call);
}

::ssize_t penstock_faults_pwritev(int fd, const ::iovec* slices, int count, ::off_t offset) {
    const auto call = [&](const ::iovec* s, int n) noexcept { return ::pwritev(fd, s, n, offset); };
    return at_offset(at_pwritev, fd, slices, count, call);
}

::ssize_t penstock_faults_splice(int from, ::off64_t* from_at, int to, ::off64_t* to_at, std::size_t size,
                                 unsigned flags) {
    const bool sleeps = may_sleep(from) || may_sleep(to) || !can_tell_again(to);
    if (at_splice.refused(from, sleeps)) {
        tell_again(to);
        return -1;
    }
    return at_most(at_splice, from, size, [&](std::size_t n) noexcept {
        const ::ssize_t moved = ::splice(from, from_at, to, to_at, n, flags);
        if (n != size && moved >= 0) tell_again(to);
        return moved;
    });
}

// It never sleeps, and who is told that it must wait asks anew whether it must.
::ssize_t penstock_faults_tee(int from, int to, std::size_t size, unsigned flags) {
    if (at_tee.refused(from, false)) return -1;
    return at_most(at_tee, from, size, [&](std::size_t n) noexcept { return ::tee(from, to, n, flags); });
}

}  // extern "C"
