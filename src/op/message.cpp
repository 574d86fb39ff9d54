// Messages: datagrams, their addresses, and what travels beside their bytes. sendmsg(2), recvmsg(2), cmsg(3), unix(7),
// udp(7).
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <new>

namespace penstock::detail {
namespace {

static_assert(sizeof(::msghdr) <= sizeof(message_memory::header) && sizeof(::iovec) <= sizeof(message_memory::slice));
static_assert(CMSG_SPACE(most_passed_descriptors * sizeof(int)) <= sizeof(message_memory::beside) &&
              CMSG_SPACE(sizeof(int)) <= sizeof(message_memory::beside));

// UDP_MAX_SEGMENTS of the first kernels that segment, and the most that fits into a datagram of either family.
constexpr std::size_t most_segments = 64;
constexpr std::size_t most_segmented = 65'000;

/// A segment that does not fit the device's packets, a device that can't, a socket that is no UDP one.
bool refuses_segments(std::int32_t outcome) noexcept {
    return outcome == -EINVAL || outcome == -EIO || outcome == -EMSGSIZE || outcome == -EOPNOTSUPP;
}

std::size_t whole_size(const send_message_op& op) noexcept { return op.count == 1 ? op.slices->size : 0; }

std::size_t next_part(const send_message_op& op) noexcept {
    const std::size_t left = whole_size(op) - op.transferred;
    if (op.segment == 0) return left;
    const std::size_t together = std::min(most_segments, most_segmented / op.segment);
    const std::size_t segments = op.one_by_one ? 1 : std::max<std::size_t>(together, 1);
    return std::min(left, segments * op.segment);
}

template <class Value>
void put_beside(::msghdr& message, message_memory& memory, int level, int type, const Value* values,
                std::size_t count) noexcept {
    message.msg_control = memory.beside.data();
    message.msg_controllen = CMSG_SPACE(count * sizeof(Value));
    auto* const entry = ::new (memory.beside.data())::cmsghdr;
    entry->cmsg_len = CMSG_LEN(count * sizeof(Value));
    entry->cmsg_level = level;
    entry->cmsg_type = type;
    std::memcpy(CMSG_DATA(entry), values, count * sizeof(Value));
}

void put_beside(send_message_op& op, ::msghdr& message, std::size_t part) noexcept {
    if (op.descriptor_count != 0 && op.transferred == 0) {
        static_assert(sizeof(handle) == sizeof(int));
        put_beside(message, op.memory, SOL_SOCKET, SCM_RIGHTS, op.descriptors, op.descriptor_count);
    } else if (op.segment != 0 && part > op.segment) {
        put_beside(message, op.memory, IPPROTO_UDP, UDP_SEGMENT, &op.segment, 1);
    }
}

constexpr std::size_t most_at_once = 16;

/// What is left, one datagram each, as many as one call takes. \return the bytes that were sent, or an error.
std::int32_t send_several(const send_message_op& op, int flags) noexcept {
    std::array<::mmsghdr, most_at_once> messages;
    std::array<::iovec, most_at_once> slices;
    ::msghdr header{};
    if (op.to.raw_size() != 0) {
        header.msg_name = const_cast<std::byte*>(op.to.raw());
        header.msg_namelen = op.to.raw_size();
    }
    unsigned count = 0;
    for (std::size_t at = op.transferred; at < op.slices->size && count < most_at_once; at += op.segment, ++count) {
        auto* const data = static_cast<std::byte*>(const_cast<void*>(op.slices->data)) + at;
        slices[count] = {data, std::min<std::size_t>(op.segment, op.slices->size - at)};
        header.msg_iov = &slices[count];
        header.msg_iovlen = 1;
        messages[count] = {header, 0};
    }
    const std::int32_t sent = outcome(::sendmmsg(op.target.id, messages.data(), count, flags));
    if (sent < 0) return sent;
    std::size_t bytes = 0;
    for (std::int32_t i = 0; i < sent; ++i) bytes += slices[static_cast<std::size_t>(i)].iov_len;
    return static_cast<std::int32_t>(bytes);
}

std::int32_t send_part(send_message_op& op, int flags) noexcept {
    const bool several = op.segment != 0 && whole_size(op) - op.transferred > op.segment;
    if (op.one_by_one && several) return send_several(op, flags);
    return outcome(::sendmsg(op.target.id, &describe_message(op), flags));
}

void take_descriptors(receive_message_op& op, const ::cmsghdr& entry) noexcept {
    const std::size_t count = (entry.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count && op.descriptor_count < op.descriptors.size(); ++i) {
        std::memcpy(&op.descriptors[op.descriptor_count++].id, CMSG_DATA(&entry) + i * sizeof(int), sizeof(int));
    }
}

}  // namespace

bool may_carry_descriptors(handle socket) noexcept {
    int domain = AF_UNIX;
    ::socklen_t size = sizeof domain;
    static_cast<void>(::getsockopt(socket.id, SOL_SOCKET, SO_DOMAIN, &domain, &size));
    return domain == AF_UNIX;
}

bool has_ancillary_data(const operation& op) noexcept {
    if (op.kind == op_kind::send_message) {
        const auto& message = static_cast<const send_message_op&>(op);
        return message.descriptor_count != 0 || message.segment != 0;
    }
    if (op.kind != op_kind::receive_message) return false;
    const auto& message = static_cast<const receive_message_op&>(op);
    return message.most_descriptors != 0 || message.joined;
}

int message_flags(const operation& op) noexcept {
    return op.kind == op_kind::send_message ? MSG_NOSIGNAL : MSG_CMSG_CLOEXEC;
}

::msghdr& describe_message(send_message_op& op) noexcept {
    auto& message = *::new (op.memory.header.data())::msghdr{};
    if (op.to.raw_size() != 0) {
        message.msg_name = op.to.raw();
        message.msg_namelen = op.to.raw_size();
    }
    if (op.count != 1) {
        message.msg_iov = const_cast<::iovec*>(as_iovec(op.slices));
        message.msg_iovlen = at_most_iov_max(op.count);
        put_beside(op, message, 0);
        return message;
    }
    const std::size_t part = next_part(op);
    auto* const data = static_cast<std::byte*>(const_cast<void*>(op.slices->data)) + op.transferred;
    message.msg_iov = ::new (op.memory.slice.data())::iovec{data, part};
    message.msg_iovlen = 1;
    put_beside(op, message, part);
    return message;
}

::msghdr& describe_message(receive_message_op& op) noexcept {
    auto& message = *::new (op.memory.header.data())::msghdr{};
    message.msg_name = op.from.raw();
    message.msg_namelen = endpoint::capacity;
    message.msg_iov = const_cast<::iovec*>(as_iovec(op.slices));
    message.msg_iovlen = at_most_iov_max(op.count);
    // Without the padding behind the last one, which would be room for another.
    const std::size_t for_descriptors = op.most_descriptors == 0 ? 0 : CMSG_LEN(op.most_descriptors * sizeof(int));
    message.msg_controllen = std::max(for_descriptors, op.joined ? CMSG_SPACE(sizeof(int)) : 0);
    message.msg_control = message.msg_controllen == 0 ? nullptr : op.memory.beside.data();
    return message;
}

bool message_goes_on(send_message_op& op, std::int32_t& outcome) noexcept {
    if (outcome < 0) {
        if (op.segment == 0 || op.one_by_one || !refuses_segments(outcome)) return false;
        op.one_by_one = true;
        return true;
    }
    op.transferred += static_cast<std::size_t>(outcome);
    if (op.transferred < whole_size(op)) return true;
    outcome = 0;
    return false;
}

void note_message(receive_message_op& op) noexcept {
    auto& message = *std::launder(reinterpret_cast<::msghdr*>(op.memory.header.data()));
    op.from.set_raw_size(static_cast<std::uint16_t>(message.msg_namelen));
    op.truncated = (message.msg_flags & MSG_TRUNC) != 0;
    op.descriptors_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    op.descriptor_count = 0;
    op.segment = 0;
    for (::cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
        if (entry->cmsg_level == SOL_SOCKET && entry->cmsg_type == SCM_RIGHTS) {
            take_descriptors(op, *entry);
        } else if (entry->cmsg_level == IPPROTO_UDP && entry->cmsg_type == UDP_GRO) {
            int size = 0;
            std::memcpy(&size, CMSG_DATA(entry), sizeof size);
            op.segment = static_cast<std::uint16_t>(size);
        }
    }
}

std::int32_t send_message_op::call(call_mode mode) noexcept {
    const int flags = message_flags(*this) | (mode == call_mode::blocking && !over_path ? 0 : MSG_DONTWAIT);
    for (;;) {
        std::int32_t r = send_part(*this, flags);
        if (message_goes_on(*this, r)) continue;
        return r == -EAGAIN && over_path ? -ENOBUFS : r;
    }
}

std::int32_t receive_message_op::call(call_mode mode) noexcept {
    const int flags = message_flags(*this) | (mode == call_mode::blocking ? 0 : MSG_DONTWAIT);
    const std::int32_t r = outcome(::recvmsg(source.id, &describe_message(*this), flags));
    if (r >= 0) note_message(*this);
    return r;
}

}  // namespace penstock::detail
