#include "backend/readiness/zero_copy_sends.hpp"

#include "backend/readiness/speaks_tcp.hpp"
#include "base/setup.hpp"
#include "op/call.hpp"
#include "op/outcome.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace penstock::detail {
namespace {

std::int32_t allow_zero_copy(int fd) noexcept {
    constexpr int on = 1;
    return outcome(::setsockopt(fd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof on));
}

std::unexpected<std::string> refused(std::string_view call) {
    return std::unexpected(setup_failure(call, errno).message);
}

}  // namespace

std::expected<std::unique_ptr<zero_copy_sends>, std::string> zero_copy_sends::create(std::size_t from) {
    const unique_fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!probe) return refused("socket");
    if (allow_zero_copy(probe.get()) < 0) return refused("setsockopt(SO_ZEROCOPY)");
    unique_fd errors(::epoll_create1(EPOLL_CLOEXEC));
    if (!errors) return refused("epoll_create1");
    return std::unique_ptr<zero_copy_sends>(new zero_copy_sends(std::move(errors), from));
}

zero_copy_sends::zero_copy_sends(unique_fd errors, std::size_t from) noexcept
    : errors_(std::move(errors)), notices_(handle{errors_.get()}, false) {
    decision_.set_threshold(from);
}

std::size_t zero_copy_sends::bytes_to_send(const send_op& op) const noexcept {
    return bytes_left(op, decision_.threshold());
}

std::size_t zero_copy_sends::next_events(std::array<::epoll_event, 32>& events) noexcept {
    const std::int32_t count = outcome(::epoll_wait(errors_.get(), events.data(), static_cast<int>(events.size()), 0));
    return count < 0 ? 0 : static_cast<std::size_t>(count);
}

void zero_copy_sends::prepare(std::int32_t fd, descriptor_state& state) noexcept {
    ::epoll_event event{.events = EPOLLET,  // errors are always told of
                        .data = {.u64 = std::uint64_t{state.generation} << 32 | static_cast<std::uint32_t>(fd)}};
    // Others (vsock) have the option, too, and tell something else.
    const bool may =
        speaks_tcp(fd) && allow_zero_copy(fd) == 0 && ::epoll_ctl(errors_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
    state.may_lend = may;
    state.copies_only = !may;
}

std::int32_t zero_copy_sends::call(send_op& op, descriptor_state& state) noexcept {
    if (!state.may_lend && !state.copies_only) prepare(op.target.id, state);
    while (op.first < op.count) {
        const std::int32_t n = call_once(op, state);
        if (n == -EINTR) continue;
        if (n < 0) return n;
        if (advance(op, static_cast<std::size_t>(n))) break;
        if (op.skip != 0) return -EAGAIN;  // as every send that stopped within a slice: the socket is full
    }
    return 0;
}

std::int32_t zero_copy_sends::call_once(send_op& op, const descriptor_state& state) noexcept {
    const std::size_t from = decision_.threshold();
    if (state.may_lend && (op.backend_flags & only_copies) == 0 && !decision_.paused() &&
        bytes_left(op, from) >= from) {
        const std::int32_t n = send_once(op, MSG_DONTWAIT | MSG_ZEROCOPY);
        if (n > 0) op.scratch[1] = lending(op) ? op.scratch[1] + 1 : 1;
        if (n > 0) op.backend_flags |= lends;
        // So much memory may not be pinned (RLIMIT_MEMLOCK), or so many notifications are due (net.core.optmem_max);
        // or it is of a kind that can't be (a device's, memfd_secret(2)).
        if (n != -ENOBUFS && n != -EFAULT) return n;
        if (n == -ENOBUFS) decision_.refused();
        op.backend_flags |= only_copies;
    }
    return send_once(op, MSG_DONTWAIT);
}

bool zero_copy_sends::take_back(operation& op, std::uint32_t calls) noexcept {
    op.scratch[1] -= calls;
    if (op.scratch[1] != 0) return false;
    op.backend_flags &= static_cast<std::uint8_t>(~lends);
    return true;
}

}  // namespace penstock::detail
