#include "backend/readiness/error_queue.hpp"

#include "op/outcome.hpp"

// clang-format off
#include <ctime>  // which errqueue.h needs and does not include
#include <linux/errqueue.h>
// clang-format on
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

namespace penstock::detail {
namespace {

// The report, and the address of who has sent it, which here is nobody.
constexpr std::size_t room = CMSG_SPACE(sizeof(::sock_extended_err) + sizeof(::sockaddr_in6));

bool is_report(const ::cmsghdr& entry) noexcept {
    return (entry.cmsg_level == SOL_IP && entry.cmsg_type == IP_RECVERR) ||
           (entry.cmsg_level == SOL_IPV6 && entry.cmsg_type == IPV6_RECVERR);
}

std::optional<returned_calls> calls_told_in(::msghdr& message) noexcept {
    for (::cmsghdr* entry = CMSG_FIRSTHDR(&message); entry != nullptr; entry = CMSG_NXTHDR(&message, entry)) {
        if (!is_report(*entry)) continue;
        ::sock_extended_err report{};
        std::memcpy(&report, CMSG_DATA(entry), sizeof report);
        if (report.ee_errno != 0 || report.ee_origin != SO_EE_ORIGIN_ZEROCOPY) continue;
        const bool copied = (report.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0;
        return returned_calls{.first = report.ee_info, .last = report.ee_data, .copied = copied};
    }
    return std::nullopt;
}

}  // namespace

std::optional<returned_calls> next_returned_calls(int fd) noexcept {
    for (;;) {
        alignas(::cmsghdr) std::array<std::byte, room> beside;
        ::msghdr message{};
        message.msg_control = beside.data();
        message.msg_controllen = beside.size();
        const std::int32_t r = outcome(::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT));
        if (r == -EINTR) continue;
        if (r < 0) return std::nullopt;
        if (const auto calls = calls_told_in(message)) return calls;
    }
}

}  // namespace penstock::detail
